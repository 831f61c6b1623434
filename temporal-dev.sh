#!/usr/bin/env bash
# Brings Node, the npm packages and the build, then hands over to the orchestrator (or to the tests).
set -euo pipefail

root=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd -P)
node="$root/node_modules/.bin/node"

usage() {
  cat <<'TEXT'
Usage: ./temporal-dev.sh [dev] [options]    Temporal and the orchestrator, against the configured forge
       ./temporal-dev.sh demo [options]     the whole story on a throw-away Gitea: --once, --agent NAME,
                                            --backend NAME, --task TEXT, --comment TEXT
       ./temporal-dev.sh test [options]     what the tests need, then npm test; options go to vitest
       ./temporal-dev.sh --help

Needs npm 10 or newer. Node 24, Temporal, Gitea and the rest are brought: the first start takes minutes and says why,
the next ones take seconds.
TEXT
}

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "temporal-dev.sh: $*"
  exit 1
}

# Runs a step in the checkout and says how long it took; the end of its output is shown if it fails.
step() {
  local title=$1 started=$SECONDS output
  shift
  say "$title"
  if ! output=$(cd "$root" && "$@" 2>&1 </dev/null); then
    say "$(tail -n 25 <<<"$output")"
    fail "failed: $*"
  fi
  say "  done in $((SECONDS - started)) s"
}

bring_packages() {
  local stamp="$root/node_modules/.installed-lock.json"
  if cmp -s "$root/package-lock.json" "$stamp"; then
    return
  fi
  local version
  version=$(npm --version 2>/dev/null) ||
    fail 'npm is missing: install Node.js 20 or newer with npm 10 or newer (nodejs.org), then start this again'
  ((${version%%.*} >= 10)) || fail "npm $version is too old: install npm 10 or newer (npm install --global npm@11)"
  # Without install scripts: every package holds its binaries, and npm would compile one that needs no compiling.
  step 'installing npm packages: node_modules does not match package-lock.json' \
    npm ci --ignore-scripts --include=dev --loglevel=error
  cp "$root/package-lock.json" "$stamp"
}

# Node of the npm packages; where there is none for this platform, the machine's own if it is recent enough.
bring_node() {
  if [[ ! -x $node ]]; then
    node=$(command -v node) || fail 'there is no Node for this platform among the npm packages: install Node.js 24'
    "$node" -e 'process.exit(process.versions.node.split(".")[0] >= 24 ? 0 : 1)' ||
      fail "Node $("$node" --version) is too old and the npm packages have none for this platform: install Node.js 24"
  fi
  export PATH="$root/node_modules/.bin:$PATH"
}

# A fingerprint of what the build reads. The build has a stamp of its own; this one only spares the time to ask it.
fingerprint() {
  (
    cd "$root"
    find src tools package.json package-lock.json tsconfig*.json -type f -print0 | LC_ALL=C sort -z | xargs -0 cksum
  )
}

bring_build() {
  local stamp="$root/dist/.started-from" current
  current=$(fingerprint)
  if [[ -f $stamp && $current == "$(<"$stamp")" ]]; then
    return
  fi
  step 'building: dist does not match the sources' npm run build
  printf '%s\n' "$current" >"$stamp"
}

# Two starts at once in one checkout take turns. Where there is no flock, as on macOS, they are left to luck.
take_turn() {
  exec 9<"$root"
  if command -v flock >/dev/null && ! flock --nonblock 9; then
    say 'waiting: another start is preparing this checkout'
    flock 9
  fi
}

end_turn() { exec 9<&-; }

main() {
  local command=dev
  case ${1:-} in
    -h | --help)
      usage
      exit 0
      ;;
    dev | demo | test)
      command=$1
      shift
      ;;
    '' | -*) ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
  # npm, Go and the caches all need a home.
  if [[ -z ${HOME:-} ]]; then
    HOME=$(eval "echo ~$(id -un)")
    export HOME
  fi

  take_turn
  bring_packages
  bring_node
  if [[ $command != test ]]; then
    bring_build
  fi
  end_turn

  if [[ $command == test ]]; then
    "$node" "$root/tools/ready-for-tests.ts"
    cd "$root"
    exec npm test -- "$@"
  fi
  exec "$node" "$root/dist/src/main.js" "$command" "$@"
}

main "$@"
