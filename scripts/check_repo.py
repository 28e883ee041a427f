#!/usr/bin/env python3
"""The repository check: layers, include cycles, third-party libraries in their rooms, exported symbols of plugins,
lines per room against the ceilings, process globals only in cli, the catalogue of faults with tests that exist, and nothing
that belongs to one machine.

    scripts/check_repo.py [--build build/release] [--root DIR]

Prints the lines of each room and every finding as file:line: text; exit status 1 if there is any."""
import argparse
import pathlib
import re
import subprocess
import sys

# Lines of code, without blank lines and comments.  The blueprint's 2,000 and 6,000 for runtime and core are raised: one
# argument a line (the formatter's rule), the located errors of the configuration, the strict readers of data and caches,
# and the conformance run (700 lines of runtime) need them.  docs/design.md, section 10, says what could leave.
CEILINGS = {"host/runtime": 4400, "host/core": 15300, "host/lm": 7900, "host/cli": 2400}
SUFFIXES = {".c", ".h", ".cpp", ".hpp"}

# Who may include whose headers (first path component after host/, or "samara" for the SDK).
LAYERS = {
    "host/runtime": {"runtime", "samara"},
    "host/core": {"runtime", "core", "samara"},
    "host/lm": {"runtime", "lm", "samara"},  # and the model interface, see below
    "host/cli": {"runtime", "core", "lm", "cli", "samara"},
    "plugins": {"samara"},
    "examples": {"samara"},
    "sdk": {"samara"},
}
MODEL_INTERFACE = {"core/model.hpp", "core/model_tensors.hpp"}  # the one place where core and lm meet

# Third-party library -> the rooms that own it.
THIRD_PARTY = {
    r"^boost/": ["host/runtime"],
    r"^toml": ["host/core/config"],
    r"^hdf5|^H5": ["host/core/store"],
    r"^spdlog/": ["host/core/log"],
    r"^zlib": ["host/core/data"],
    r"^pcre2": ["host/lm/text"],
    r"^utf8proc": ["host/lm/text"],
    r"^CLI/": ["host/cli"],
    r"^openssl/": ["host/runtime", "host/core/store", "host/core/data", "host/lm/text"],
    r"^nlohmann/": ["host/core/data", "host/core/store", "host/core/report", "host/core/train", "host/lm", "host/cli"],
    r"^(ATen|c10|torch)/": ["host/runtime", "host/core/train", "host/core/model_tensors.hpp", "host/lm/model", "host/lm/lm.cpp", "host/cli"],
}

# Process globals: only cli may touch them.  Functions that wrap one live where their library lives and are called
# from cli alone (second list: name -> file that defines it).
GLOBALS = re.compile(
    r"\b(std::cout|std::cerr|std::exit|std::abort|std::signal|sigaction|setlocale|mallopt|_exit|quick_exit|set_default_logger)\b"
    r"|(?<![\w.:>])(exit|abort|signal|printf|puts)\s*\("
)
WRAPPED = {"init_hdf5": "host/core/store", "set_fp32_route": "host/lm/model", "init_stderr": "host/core/log"}

PRIVATE = re.compile(r"(?<![A-Za-z0-9_.])/(work|root)/|https?://[a-z0-9.-]*(pypi|pythonhosted|npmjs|debian|ubuntu)\.(org|net|com)")


def sources(root, top):
    for path in sorted((root / top).rglob("*")):
        if path.suffix in SUFFIXES and path.is_file():
            yield path.relative_to(root)


def includes(text):
    for number, line in enumerate(text.splitlines(), 1):
        found = re.match(r'\s*#\s*include\s*([<"])([^">]+)[">]', line)
        if found:
            yield number, found.group(2)


def code_lines(text):
    """Lines without comments, so that prose may name what code must not use."""
    text = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group(0).count("\n"), text, flags=re.S)
    for number, line in enumerate(text.splitlines(), 1):
        yield number, re.sub(r'"(\\.|[^"\\])*"', '""', line.split("//")[0])


def check_layers(root, find):
    for top, allowed in LAYERS.items():
        for path in sources(root, top):
            for number, name in includes((root / path).read_text()):
                head = name.split("/")[0]
                own = head in {"runtime", "core", "lm", "cli", "samara"} and "/" in name
                if own and head not in allowed and not (top == "host/lm" and name in MODEL_INTERFACE):
                    find(path, number, f"{top} must not include {name}")
                for pattern, rooms in THIRD_PARTY.items():
                    if re.search(pattern, name) and not any(str(path).startswith(room) for room in rooms):
                        find(path, number, f"{name} is a library of {', '.join(rooms)}")
        if top == "host/core":
            for path in sources(root, top):
                for number, name in includes((root / path).read_text()):
                    if name.startswith("lm/"):
                        find(path, number, "core must not include lm")


def check_cycles(root, find):
    graph = {}
    for top, base in (("host", root / "host"), ("sdk/include", root / "sdk/include")):
        for path in sources(root, top):
            text = (root / path).read_text()
            targets = []
            for number, name in includes(text):
                for candidate in (base / name, (root / path).parent / name):
                    if candidate.is_file():
                        targets.append((number, candidate.resolve().relative_to(root)))
                        break
            graph[path] = targets
    state = {}

    def walk(path, trail):
        state[path] = 1
        for number, target in graph.get(path, []):
            if state.get(target) == 1:
                find(path, number, "include cycle: " + " -> ".join(map(str, [*trail[trail.index(target):], target])))
            elif target not in state:
                walk(target, [*trail, target])
        state[path] = 2

    for path in sorted(graph):
        if path not in state:
            walk(path, [path])


def check_globals(root, find):
    for top in ("host/runtime", "host/core", "host/lm", "plugins", "sdk"):
        for path in sources(root, top):
            for number, line in code_lines((root / path).read_text()):
                found = GLOBALS.search(line)
                if found:
                    find(path, number, f"process global '{found.group(0).strip()}' outside host/cli")
                for name, home in WRAPPED.items():
                    if re.search(rf"\b{name}\s*\(", line) and not str(path).startswith(home):
                        find(path, number, f"{name}() may be called from host/cli only")


def check_sizes(root, find):
    for room, ceiling in CEILINGS.items():
        lines = sum(1 for p in sources(root, room) for _, line in code_lines((root / p).read_text()) if line.strip())
        print(f"{room:14} {lines:5} lines of at most {ceiling}")
        if lines > ceiling:
            find(pathlib.Path(room), 0, f"{lines} lines, the ceiling is {ceiling}")
    for top in ("host", "plugins", "sdk"):
        for path in sources(root, top):
            lines = len((root / path).read_text().splitlines())
            if lines > 400:
                print(f"note: {path} has {lines} lines (budget 300)")


def check_symbols(root, build, find):
    plugins = sorted((root / build / "lib/samara").glob("*.so"))
    if len(plugins) < 4:
        find(build, 0, f"only {len(plugins)} plugins in {build}/lib/samara")
    for plugin in plugins:
        out = subprocess.run(["nm", "-D", "--defined-only", plugin], capture_output=True, text=True, check=True).stdout
        names = [line.split()[-1] for line in out.splitlines()]
        if names != ["samara_plugin_entry"]:
            find(plugin.relative_to(root), 0, f"exports {names}, must export samara_plugin_entry alone")
        needed = subprocess.run(["readelf", "-d", plugin], capture_output=True, text=True, check=True).stdout
        for library in re.findall(r"NEEDED.*\[(.*)\]", needed):
            if re.match(r"lib(torch|c10|hdf5|boost|spdlog)", library):
                find(plugin.relative_to(root), 0, f"links {library}; plugins use the SDK only")


def check_catalogue(root, find):
    """docs/reliability.md lists every case of the catalogue once, with tests that exist (FILE: how its name begins)."""
    page, tests = pathlib.Path("docs/reliability.md"), {}
    for path in [*root.glob("tests/**/*.cpp"), *root.glob("tests/**/*.py")]:
        tests[path.name] = tests.get(path.name, "") + path.read_text()
    text = (root / page).read_text()
    begin = text.count("\n", 0, text.index("\n## 5. ")) + 1
    cases = []
    for number, line in enumerate(text.splitlines()[begin:], begin + 1):
        case = re.match(r"\| (\d+) \| ", line)
        cases += [int(case.group(1))] if case else []
        named = re.findall(r"`(\w+\.(?:py|cpp)): ([^`]+)`", line)
        for name, test in named:
            head = r"def " if name.endswith(".py") else r'TEST_CASE\(\s*"'
            if not re.search(head + re.escape(test), tests.get(name, "")):
                find(page, number, f"no test '{test}' in {name}")
        if case and not named:
            find(page, number, f"case {case.group(1)} names no test")
    if cases != list(range(1, 53)):
        find(page, begin, f"the catalogue is of cases 1 to 52, not {cases}")


def check_private(root, find):
    tracked = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True)
    for name in tracked.stdout.splitlines():
        path = root / name
        if not path.is_file() or path.suffix in {".gz", ".png", ".h5"} or name == "scripts/check_repo.py":
            continue
        if path.stat().st_size > 512 * 1024:
            find(pathlib.Path(name), 0, f"{path.stat().st_size // 1024} KiB: too large for the repository")
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1):
            if PRIVATE.search(line):
                find(pathlib.Path(name), number, "names a machine's path or a package registry's host")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--build", type=pathlib.Path)
    args = parser.parse_args()
    root = args.root.resolve()
    findings = []
    find = lambda path, number, text: findings.append(f"{path}:{number}: {text}")
    check_layers(root, find)
    check_cycles(root, find)
    check_globals(root, find)
    check_sizes(root, find)
    check_catalogue(root, find)
    check_private(root, find)
    if args.build:
        check_symbols(root, args.build, find)
    print("\n".join(findings) if findings else "repository check: no findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
