-- A small database to try the example with.
CREATE TABLE users (
  user_id integer PRIMARY KEY,
  name text,
  lang text NOT NULL,
  plan text NOT NULL,
  trial_ends date,
  chats boolean NOT NULL DEFAULT true
);
CREATE TABLE seats (user_id integer REFERENCES users, seat integer, PRIMARY KEY (user_id, seat));

INSERT INTO users (user_id, name, lang, plan, trial_ends, chats) VALUES
  (1001, 'Ada', 'en', 'pro', NULL, true),
  (1002, 'Émilie', 'fr', 'trial', '2099-12-24', true),
  (1003, 'Grace', 'en-US', 'trial', '2099-12-24', true),
  (1004, 'Blaise', 'fr-FR', 'free', NULL, true),
  (1005, NULL, 'en', 'free', NULL, true),
  (1006, 'Sophie', 'fr', 'pro', NULL, true),
  (1007, 'Alan', 'en', 'pro', NULL, true),
  (1008, 'Edsger', 'en', 'pro', NULL, false);
INSERT INTO seats SELECT user_id, seat FROM users, generate_series(1, user_id % 5) AS seat;

-- All that pushsync needs.
CREATE ROLE pushsync LOGIN;
GRANT SELECT ON users, seats TO pushsync;
