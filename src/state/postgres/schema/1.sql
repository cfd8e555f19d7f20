CREATE TABLE pushsync_schema (
    version bigint PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE pushsync_states (
    environment text COLLATE "C" PRIMARY KEY,
    lineage uuid NOT NULL,
    serial bigint NOT NULL,
    sequence bigint NOT NULL,
    records bigint NOT NULL,
    intents bigint NOT NULL,
    runs bigint NOT NULL,
    created_at timestamptz NOT NULL,
    committed_at timestamptz NOT NULL DEFAULT now(),
    header bytea NOT NULL
);

CREATE TABLE pushsync_records (
    environment text COLLATE "C" NOT NULL,
    name bytea NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (environment, name)
);

CREATE TABLE pushsync_intents (LIKE pushsync_records INCLUDING ALL);

CREATE TABLE pushsync_runs (LIKE pushsync_records INCLUDING ALL);

CREATE TABLE pushsync_run_parts (LIKE pushsync_records INCLUDING ALL);

CREATE TABLE pushsync_ids (LIKE pushsync_records INCLUDING ALL);

CREATE TABLE pushsync_approvals (LIKE pushsync_records INCLUDING ALL);

CREATE TABLE pushsync_locks (
    environment text COLLATE "C" PRIMARY KEY,
    holder json NOT NULL,
    backend integer NOT NULL
);
