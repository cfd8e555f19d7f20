
# For bash a word ends at an @, and an address does not.
_pushsync() {
    local typed="${COMP_LINE:0:COMP_POINT}"
    local current="${typed##*[[:space:]]}"
    if [[ "$current" != *@* || "$COMP_WORDBREAKS" != *@* ]]; then
        _clap_complete_pushsync "$@"
        return
    fi
    local -a COMP_WORDS
    IFS=$' \t' read -ra COMP_WORDS <<< "$typed"
    local COMP_CWORD=$(( ${#COMP_WORDS[@]} - 1 ))
    _clap_complete_pushsync "$1" "$current"
    # Only what follows the last @ takes the place of what was typed.
    COMPREPLY=("${COMPREPLY[@]#"${current%"${current##*@}"}"}")
}
complete -o nospace -o bashdefault -F _pushsync pushsync
