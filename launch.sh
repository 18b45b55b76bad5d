#!/usr/bin/env bash
# Set Voicewright up and start it:   ./launch.sh [--port N] [--host A] [--root-path /P] [--workspace DIR]
# Set up what the tests need and run them:   ./launch.sh test [pytest arguments]
# Set up only:   ./launch.sh setup
# Fetch the newest yt-dlp, when YouTube has changed:   ./launch.sh update-ytdlp
# VOICEWRIGHT_VENV moves the virtual environment, VOICEWRIGHT_PYTHON names the Python to make it with.
# VOICEWRIGHT_SYSTEM_TORCH=1 takes that Python's own torch where it fits. Where uv is there, it installs.
set -euo pipefail

here=$(cd -- "$(dirname -- "$(readlink -f -- "${BASH_SOURCE[0]}")")" && pwd -P)
venv=${VOICEWRIGHT_VENV:-$here/.venv}
case $venv in /*) ;; *) venv=$PWD/$venv ;; esac
old_card_index=https://download.pytorch.org/whl/cu126

say() { printf '%s\n' "$*" >&2; }
fail() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }
# Say how long a part of the set-up has taken, where that was worth a word.
timed() {
    local label=$1 began=$SECONDS
    shift
    "$@"
    [ $((SECONDS - began)) -lt 2 ] || say "$label took $((SECONDS - began)) s."
}

# ---- system packages: only where that needs no password -------------------------------------------------------------

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo -n "$@"; fi
}

may_install() {
    have apt-get && { [ "$(id -u)" = 0 ] || { have sudo && sudo -n true 2>/dev/null; }; }
}

apt_install() {
    say "Installing $* …"
    as_root apt-get update -qq >&2 || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2
}

need_ffmpeg() {
    if have ffmpeg && have ffprobe; then return; fi
    if may_install && apt_install ffmpeg; then return; fi
    say "FFmpeg is missing, so recordings cannot be read yet: install it (Debian, Ubuntu: sudo apt install ffmpeg)."
}

# ---- Python 3.10 to 3.12 --------------------------------------------------------------------------------------------

right_version() {
    "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))' >/dev/null 2>&1
}

can_make_venv() { have uv || "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; }

pythons() {
    [ -z "${VOICEWRIGHT_PYTHON:-}" ] || { printf '%s\n' "$VOICEWRIGHT_PYTHON"; return; }
    local name
    for name in python3.11 python3.12 python3.10 python3 python; do
        type -aP "$name" || true
    done
    for name in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[012].*/bin/python; do
        [ ! -x "$name" ] || printf '%s\n' "$name"
    done
}

find_python() {
    local candidate without_venv=""
    while IFS= read -r candidate; do
        right_version "$candidate" || continue
        if can_make_venv "$candidate"; then printf '%s\n' "$candidate"; return; fi
        [ -n "$without_venv" ] || without_venv=$candidate
    done < <(pythons)
    if [ -n "$without_venv" ] && may_install; then
        local version
        version=$("$without_venv" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        apt_install "python$version-venv" || apt_install python3-venv || true
        if can_make_venv "$without_venv"; then printf '%s\n' "$without_venv"; return; fi
    fi
    if [ -z "$without_venv" ] && [ -z "${VOICEWRIGHT_PYTHON:-}" ] && may_install && apt_install python3 python3-venv; then
        if right_version python3 && can_make_venv python3; then printf 'python3\n'; return; fi
    fi
    [ -z "$without_venv" ] || fail "$without_venv lacks the venv module: install it (Debian, Ubuntu: sudo apt install python3-venv)."
    [ -z "${VOICEWRIGHT_PYTHON:-}" ] || fail "VOICEWRIGHT_PYTHON=$VOICEWRIGHT_PYTHON is no Python 3.10, 3.11 or 3.12."
    fail "No Python 3.10, 3.11 or 3.12 was found: install one (Debian, Ubuntu: sudo apt install python3 python3-venv)."
}

# ---- the virtual environment ----------------------------------------------------------------------------------------

take_lock() {
    # A folder that is neither empty nor ours is never touched, since a broken environment is emptied below.
    if [ -d "$venv" ] && [ ! -e "$venv/pyvenv.cfg" ] && [ ! -e "$venv/.launch-lock" ] && [ -n "$(ls -A -- "$venv")" ]; then
        fail "$venv is not a virtual environment: choose another folder with VOICEWRIGHT_VENV."
    fi
    mkdir -p -- "$venv"
    exec 9>>"$venv/.launch-lock"
    have flock || return 0
    flock -n 9 || { say "Another launch is setting things up; waiting for it …"; flock 9; }
}

need_venv() {
    if right_version "$venv/bin/python" && "$venv/bin/python" -c 'import pip' >/dev/null 2>&1; then return; fi
    local python
    python=$(find_python)
    say "Making the virtual environment in $venv …"
    find "$venv" -mindepth 1 -maxdepth 1 ! -name .launch-lock -exec rm -rf {} +
    local options=()
    if [ -n "${VOICEWRIGHT_SYSTEM_TORCH:-}" ] && torch_fits "$python"; then
        say "The torch of $python fits, so it is used."
        options=(--system-site-packages)
    fi
    if have uv; then
        uv venv -q --seed --allow-existing "${options[@]}" --python "$python" "$venv" >&2
    else
        "$python" -m venv "${options[@]}" "$venv"
    fi
}

# Whether a Python has the torch and torchaudio that the requirements name, but for the last number, built for the cards.
torch_fits() {
    local pin
    pin=$(sed -nE 's/^torch==([0-9]+\.[0-9]+).*/\1/p' "$here/requirements.txt")
    "$1" -c 'import sys, torch, torchaudio
pin = sys.argv[1] + "."
same = all(module.__version__.startswith(pin) for module in (torch, torchaudio))
cards = [torch.cuda.get_device_capability(n) for n in range(torch.cuda.device_count())]
built = torch.cuda.get_arch_list()
sys.exit(not (same and all(f"sm_{major}{minor}" in built or f"sm_{major}0" in built for major, minor in cards)))' "$pin" >/dev/null 2>&1
}

has_system_torch() { grep -q "include-system-site-packages = true" "$venv/pyvenv.cfg" 2>/dev/null; }

# Prints cu126 if the cards need it: the ordinary build has no kernels for cards older than Turing (7.5),
# and the older build none for Blackwell (10.0) and later.
torch_build() {
    local capabilities=""
    if have nvidia-smi; then
        capabilities=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null) || capabilities=""
    fi
    printf '%s\n' "$capabilities" | awk -F. '/^[0-9]+\.[0-9]+/ { c = $1 * 10 + $2; if (c < 75) old = 1; if (c >= 100) new = 1 }
        END { print (old && !new) ? "cu126" : "stock" }'
}

pip_install() {
    if have uv; then
        uv pip install -q --python "$venv/bin/python" "$@" >&2
        return
    fi
    "$venv/bin/python" -m pip install --disable-pip-version-check --no-input "$@" >&2
}

# What is installed, in one line: it changes when the requirements, the Python or the wanted build do.
fingerprint() {
    { cat -- "$@"; "$venv/bin/python" -V; torch_build; } | sha256sum | cut -d' ' -f1
}

# The locked packages without torch and what only its ordinary build needs.
lock_without_torch() {
    awk '/^[a-z0-9]/ { skip = /^(torch|torchaudio|triton|nvidia-[^=]*|cuda-[^=]*)==/ } !skip' "$here/requirements-lock.txt"
}

install_old_card_torch() {
    local pins
    pins=$(sed -nE 's/^((torch|torchaudio)==[0-9.]+).*/\1/p' "$here/requirements.txt")
    say "This graphics card is older than Turing: fetching the CUDA 12.6 build of PyTorch …"
    # shellcheck disable=SC2086  # one word a package is meant
    pip_install --index-url "$old_card_index" $pins ||
        { say "The CUDA 12.6 build could not be fetched, so the ordinary one is installed: this card will not be used." \
            "To try again, delete $venv/.installed and start once more."; return 1; }
}

need_packages() {
    local stamp=$venv/.installed wanted
    wanted=$(fingerprint "$here/requirements-lock.txt" "$here/requirements-alone.txt")
    if [ -e "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then return; fi
    rm -f -- "$stamp"
    say "Installing the packages; the first time this takes a few minutes and about 7 GB …"
    local lock=$here/requirements-lock.txt
    if has_system_torch; then
        lock=$venv/.requirements-lock.txt
        lock_without_torch >"$lock"
    elif [ "$(torch_build)" = cu126 ] && install_old_card_torch; then
        lock=$venv/.requirements-lock.txt
        lock_without_torch >"$lock"
    fi
    # The lock names every package, so nothing is resolved, and nothing is installed whose hash it does not hold.
    pip_install --no-deps --require-hashes -r "$lock" -r "$here/requirements-alone.txt" ||
        fail "The packages could not be installed: see the lines above, check the network and the disk, and start again."
    printf '%s\n' "$wanted" >"$stamp"
    if [ -e "$venv/.ytdlp-updated" ]; then update_ytdlp || true; fi
    say "Installed."
}

# YouTube changes more often than this program: its loader alone may be newer than the lock. The scripts it runs go with
# it. A version that does not start is taken back.
update_ytdlp() {
    local python=$venv/bin/python scripts
    say "Fetching the newest yt-dlp …"
    if pip_install --no-deps --upgrade yt-dlp &&
        scripts=$("$python" -c 'import importlib.metadata as m, re
print(*{re.match("[^;]*", r)[0].strip() for r in m.requires("yt-dlp") if r.startswith("yt-dlp-ejs")})') &&
        { [ -z "$scripts" ] || pip_install --no-deps "$scripts"; } &&
        "$python" -c 'import yt_dlp; yt_dlp.YoutubeDL({"quiet": True}).close()' >&2; then
        touch "$venv/.ytdlp-updated"
        say "yt-dlp is now $("$python" -c 'import yt_dlp; print(yt_dlp.version.__version__)'). Running jobs keep the old one."
        return
    fi
    say "yt-dlp could not be updated: see the lines above. The tested version is put back."
    rm -f -- "$venv/.ytdlp-updated"
    awk '/^[a-z0-9]/ { keep = /^yt-dlp(-ejs)?==/ } keep' "$here/requirements-lock.txt" >"$venv/.ytdlp-lock.txt"
    pip_install --no-deps --require-hashes -r "$venv/.ytdlp-lock.txt" || true
    return 1
}

set_up() {
    take_lock
    timed "Making the environment" need_venv
    timed "Installing FFmpeg" need_ffmpeg
    timed "Installing the packages" need_packages
}

# ---- tests ----------------------------------------------------------------------------------------------------------

need_test_packages() {
    local stamp=$venv/.installed-dev wanted
    wanted=$(fingerprint "$here/requirements-lock.txt" "$here/requirements-dev-lock.txt")
    if [ ! -e "$stamp" ] || [ "$(cat "$stamp")" != "$wanted" ]; then
        say "Installing what the tests need …"
        pip_install --no-deps --require-hashes -r "$here/requirements-dev-lock.txt"
        printf '%s\n' "$wanted" >"$stamp"
    fi
    if ! have chromium && ! have chromium-browser && ! have google-chrome; then
        { may_install && apt_install chromium fonts-dejavu-core; } ||
            say "Chromium is missing, so the browser tests will be skipped."
    fi
    # On a build machine the proxies are installed as well; on a person's computer that would start services.
    if [ -n "${CI:-}" ] && may_install; then
        have nginx || [ -x /usr/sbin/nginx ] || apt_install nginx-light || true
        have caddy || apt_install caddy || true
    fi
}

run_tests() {
    cd "$here"
    local failed=0 types
    export PYTHONUNBUFFERED=1
    unset PYTHONDONTWRITEBYTECODE  # each of some hundred processes would compile the modules anew
    "$venv/bin/python" -m ruff check . || failed=1
    "$venv/bin/python" -m ruff format --check . || failed=1
    # Beside the tests, since it takes one core alone; what it says comes last.
    types=$(mktemp)
    "$venv/bin/python" -m mypy >"$types" 2>&1 &
    # Five at a time, since many wait for a browser, and what they share is imported once (tests/warm); the tests of a file
    # stay together, because they share what is slow to make, and the longest files come first (tests/conftest.py).
    # `-n 0` undoes it.
    "$venv/bin/python" -m pytest -n 5 --dist loadfile --no-loadscope-reorder "$@" || failed=1
    wait $! || failed=1
    cat "$types"
    rm -f -- "$types"
    return "$failed"
}

# ---- here we go -----------------------------------------------------------------------------------------------------

case ${1:-} in
    -h | --help)
        sed -n '2,6s/^# //p' "${BASH_SOURCE[0]}"
        exec "$(find_python)" "$here/webui.py" --help
        ;;
    test)
        shift
        set_up
        need_test_packages
        exec 9>&-
        run_tests "$@"
        ;;
    setup)
        set_up
        ;;
    update-ytdlp)
        set_up
        update_ytdlp
        ;;
    *)
        set_up
        exec 9>&-
        exec "$venv/bin/python" "$here/webui.py" "$@"
        ;;
esac
