# Shared by the scripts of this folder; source it, do not run it. POSIX sh.

say() { printf '>> %s\n' "$*" >&2; }

die() {
    printf '!! %s\n' "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Prints how to become root without a password: nothing for root, "sudo -n" where sudo asks for none.
# Fails where a password would be needed: a build that waits for one looks as if it hung.
root_prefix() {
    if [ "$(id -u)" -eq 0 ]; then
        return 0
    elif have sudo && sudo -n true 2>/dev/null; then
        printf 'sudo -n'
    else
        return 1
    fi
}
