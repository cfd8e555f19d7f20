# shellcheck shell=bash disable=SC2034 # variables of the script that sources this
# A process without secrets in its environment. Sourced first, by the scripts that jobs start.
#
# On Linux a program can read the environment that its ancestors were started with (/proc/PID/environ), and
# `unset` changes nothing there. So the script starts again in the same process with an empty environment,
# and reads the variables that it needs from a pipe. They are not exported: common.sh says which program
# gets which of them. Until then only builtins run, because PATH may lead into the checkout.
{ set +xv; } 2>/dev/null # a trace would show the values

# start_clean COMMAND ARGS…: runs this script again, as `SCRIPT --clean ARGS…`.
start_clean() {
  local command=$1 name input
  local kept=()
  shift
  while IFS= read -r name; do
    case $name in
      PATH | HOME | USER | TMPDIR | TZ | LANG | LC_* | XDG_*_HOME) ;;
      http_proxy | https_proxy | all_proxy | no_proxy | HTTP_PROXY | HTTPS_PROXY | ALL_PROXY | NO_PROXY) ;;
      SSL_CERT_FILE | SSL_CERT_DIR | CURL_CA_BUNDLE) ;;
      GITHUB_ACTIONS | GITHUB_ACTION_PATH | GITHUB_ACTOR | GITHUB_API_URL | GITHUB_EVENT_NAME | GITHUB_EVENT_PATH) ;;
      GITHUB_OUTPUT | GITHUB_REF | GITHUB_REPOSITORY | GITHUB_RUN_ID | GITHUB_SERVER_URL | GITHUB_SHA) ;;
      GITHUB_STEP_SUMMARY | GITHUB_TRIGGERING_ACTOR | GITHUB_WORKSPACE | RUNNER_TEMP) ;;
      GITLAB_CI | CI_API_V4_URL | CI_COMMIT_BRANCH | CI_COMMIT_SHA | CI_DEFAULT_BRANCH | CI_JOB_URL) ;;
      CI_MERGE_REQUEST_EVENT_TYPE | CI_MERGE_REQUEST_IID | CI_MERGE_REQUEST_PROJECT_ID) ;;
      CI_MERGE_REQUEST_SOURCE_BRANCH_SHA | CI_MERGE_REQUEST_SOURCE_PROJECT_ID | CI_PIPELINE_SOURCE) ;;
      CI_PROJECT_DIR | CI_PROJECT_ID) ;;
      # Inputs of the action: as the variables of the same names, which they replace below.
      PUSHSYNC_CI_CLIENT_ID | PUSHSYNC_CI_CLIENT_SECRET)
        if [ -n "${!name-}" ]; then kept+=(has_key=yes); fi
        continue
        ;;
      PUSHSYNC_* | AWS_* | PG[A-Z]* | BREVO_BASE_URL) ;;
      BREVO_*)
        case $name in
          *_KEY* | *_SECRET* | *_CLIENT_*) if [ -n "${!name-}" ]; then kept+=(has_key=yes); fi ;;
        esac
        # A plan needs no key, so it gets none.
        case $command in
          apply | resume) ;;
          *) continue ;;
        esac
        ;;
      *) continue ;;
    esac
    kept+=("$name=${!name-}")
  done < <(compgen -e)
  case $command in
    apply | resume)
      for name in ID SECRET; do
        input=PUSHSYNC_CI_CLIENT_$name
        if [ -n "${!input-}" ]; then kept+=("BREVO_CLIENT_$name=${!input}"); fi
      done
      ;;
  esac
  exec 3< <(printf '%s\0' ${kept[@]+"${kept[@]}"})
  exec -c "$BASH" -p "$0" --clean "$@"
}

# Takes the variables from the pipe. Their names are in $given.
take_variables() {
  local pair
  given=()
  has_key=""
  while IFS= read -r -d '' pair <&3; do
    printf -v "${pair%%=*}" '%s' "${pair#*=}"
    given+=("${pair%%=*}")
  done
  exec 3<&-
}

# Whether a folder is in one of the folders ROOT…: in_one_of FOLDER ROOT….
in_one_of() {
  local folder root
  folder=$(cd -P -- "$1" 2>/dev/null && pwd -P) || return 1
  shift
  for root in "$@"; do
    root=$(cd -P -- "${root:-/}" 2>/dev/null && pwd -P) || continue
    if [ "$root" != / ] && [[ $folder/ == "$root"/* ]]; then return 0; fi
  done
  return 1
}

# Programs are looked for in absolute folders outside of the checkout, where a pull request cannot put one.
clean_path() {
  local entry found=""
  local entries=()
  IFS=: read -r -d '' -a entries < <(printf '%s\0' "${PATH:-}")
  for entry in ${entries[@]+"${entries[@]}"}; do
    if [[ $entry == /* ]] && ! in_one_of "$entry" "${checkout:-.}"; then found+=":$entry"; fi
  done
  PATH=${found#:}
  export PATH=${PATH:-/usr/bin:/bin}
}
