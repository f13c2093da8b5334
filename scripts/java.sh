#!/bin/sh
# Prints the home of a Java that Spark 4 runs on (17 or newer), for JAVA_HOME; everything else goes to standard error.
#
# Looks at JAVA_HOME, PATH and the usual folders. Where there is none, installs one with the system's package manager if
# that needs no password, and otherwise stops with the one command to run.
set -eu
. "$(dirname "$0")/lib.sh"

oldest=17

# The major version of the Java at $1, or 0. "1.8.0_392" is Java 8 and starts with 1, which is old enough to be refused.
major() {
    "$1" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1 | grep . || echo 0
}

home_of() {
    "$1" -XshowSettings:properties -version 2>&1 | sed -n 's/^ *java\.home = //p' | head -n 1
}

find_java() {
    brew_prefix=$(brew --prefix 2>/dev/null || true)
    for java in \
        "${JAVA_HOME:+$JAVA_HOME/bin/java}" \
        "$(command -v java || true)" \
        /usr/lib/jvm/*/bin/java \
        /Library/Java/JavaVirtualMachines/*/Contents/Home/bin/java \
        "${brew_prefix:+$brew_prefix/opt/openjdk@21/bin/java}" \
        "${brew_prefix:+$brew_prefix/opt/openjdk@17/bin/java}"; do
        [ -n "$java" ] && [ -x "$java" ] || continue
        if [ "$(major "$java")" -ge "$oldest" ]; then
            home_of "$java"
            return 0
        fi
    done
    return 1
}

if find_java; then
    exit 0
fi

# brew refuses to run as root and needs no password.
if have brew && [ "$(id -u)" -ne 0 ]; then
    say "No Java $oldest or newer; running: brew install openjdk@21"
    brew install openjdk@21 >&2
elif have apt-get; then
    # No name fits all releases: Debian 12 has 17 only, Debian 13 has 21, and Ubuntu 22.04's default is 11.
    install="apt-get install -y --no-install-recommends"
    command="apt-get update && ($install openjdk-17-jre-headless || $install openjdk-21-jre-headless)"
elif have dnf; then
    command="dnf install -y java-21-openjdk-headless"
elif have apk; then
    command="apk add --no-cache openjdk21-jre-headless"
else
    die "Spark needs Java $oldest or newer and there is none. Install one, then run this again."
fi

if [ -n "${command:-}" ]; then
    root=$(root_prefix) || die "Spark needs Java $oldest or newer and there is none. Run: sudo sh -c '$command'"
    say "No Java $oldest or newer; running: $command"
    DEBIAN_FRONTEND=noninteractive $root sh -c "$command" >&2
fi

find_java || die "Java was installed, and still none of version $oldest or newer is found. Set JAVA_HOME to one."
