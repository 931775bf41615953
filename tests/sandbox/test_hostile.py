"""Programs that attack the machine, the judge or their neighbours."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from codemix_core.records import Verdict
from tests.sandbox.addition import CPP_FRAMEWORKS, FLOORS, statuses

FRAMEWORKS = ("cases", "pytest", "lifted")
Table = Callable[[str, Mapping[str, str]], dict[str, Verdict]]

PYTHON = {
    # name: (program, statuses it may get)
    "endless loop": ("def add(a, b):\n    while a == 5: pass\n    return a + b", {"timeout"}),
    "sleep": (
        "import time\ndef add(a, b):\n    time.sleep(60 if a == 5 else 0)\n    return a + b",
        {"timeout"},
    ),
    "ignores SIGTERM": (
        "import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "def add(a, b):\n    while a == 5: pass\n    return a + b",
        {"timeout"},
    ),
    "stops itself": (
        "import os, signal\ndef add(a, b):\n"
        "    if a == 5: os.kill(os.getpid(), signal.SIGSTOP)\n    return a + b",
        {"timeout"},
    ),
    "kills its group": (
        "import os, signal\ndef add(a, b):\n    if a == 5: os.killpg(0, signal.SIGKILL)\n"
        "    return a + b",
        {"crashed"},
    ),
    "memory bomb": (
        "def add(a, b):\n    x = []\n    while a == 5: x.append(bytearray(1 << 22))\n    return a + b",
        {"memory_exceeded"},
    ),
    "memory that is kept after a MemoryError": (
        "import time\nheld = []\ndef add(a, b):\n"
        "    if a == 5: held.extend([b'x' * (200 << 20), bytearray(1 << 30)])\n"
        "    if a == 'a':\n        held.append(b'x' * (100 << 20))\n        time.sleep(0.3)\n"
        "    return a + b",
        {"memory_exceeded"},
    ),
    "memory bomb in children": (
        "import os, time\ndef add(a, b):\n    if a == 5:\n"
        "        for _ in range(8):\n"
        "            if os.fork() == 0:\n"
        "                x = b'x' * (120 << 20)\n                time.sleep(30)\n"
        "        time.sleep(30)\n    return a + b",
        {"memory_exceeded"},
    ),
    "deep recursion": (
        "import sys\nsys.setrecursionlimit(10**9)\n"
        "def deep(n):\n    return deep(n + 1) + n\n"
        "def add(a, b):\n    return deep(0) if a == 5 else a + b",
        {"memory_exceeded", "crashed", "timeout"},
    ),
    "endless output": (
        "def add(a, b):\n    while a == 5: print('x' * 10000)\n    return a + b",
        {"output_exceeded"},
    ),
    "endless output on stderr": (
        "import os\ndef add(a, b):\n    while a == 5: os.write(2, b'\\xff\\0' * 5000)\n    return a + b",
        {"output_exceeded"},
    ),
    "invalid UTF-8 and NUL, then a crash": (
        "import os\ndef add(a, b):\n"
        "    if a == 5:\n        os.write(1, b'\\xff\\xfe\\0')\n        os.abort()\n    return a + b",
        {"crashed"},
    ),
}

CONFINED = {
    # name: body of a function that must be refused; what it returns is never expected
    "reads passwd": "open('/etc/passwd').read()",
    "reads the home": "os.listdir('/root') or os.listdir('/home')",
    "reads the environment": "[v for k, v in os.environ.items() if 'KEY' in k or 'TOKEN' in k][0]",
    "walks proc": "os.listdir('/proc')[0]",
    "connects out": "socket.create_connection(('192.0.2.1', 80), 1)",
    "connects by name": "socket.create_connection(('example.org', 80), 1)",
    "connects over IPv6": "socket.socket(socket.AF_INET6).connect(('2001:db8::1', 80))",
    "binds a port": "socket.socket().bind(('0.0.0.0', 8501))",
    "opens a netlink socket": "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
    "writes to the root": "open('/x', 'w')",
    "writes to the tool chain": "open('/usr/lib/x', 'w')",
    "writes to the judge": "open('/opt/judge/sandbox/x', 'w')",
    "fills tmp": "[open('/tmp/f', 'ab').write(bytes(1 << 20)) for _ in range(500)]",
    "fills tmp with files": "[open(f'/tmp/{i}', 'w').close() for i in range(100000)]",
    "makes a device": "os.mknod('/tmp/d', 0o20666, 0x0103)",
    "becomes root": "os.setuid(0) if os.getuid() else 1 / 0",
    "raises its limits": "resource.setrlimit(resource.RLIMIT_NPROC, (9999, 9999))",
    "limits its parent": "resource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))",
    "leaves its core": "os.sched_setaffinity(0, range(64))",
}

LEAVES = {
    # name: what a program does that leaves something of it
    "a process and a file": "    open('/tmp/left', 'w').write('x')\n    if os.fork() == 0:\n"
    "        os.setsid()\n        while True: time.sleep(0.01)\n",
    "a file that is only its own": "    os.close(os.open('/tmp/left', os.O_CREAT, 0))\n",
    "directories too deep for a path": "    for _ in range(3000):\n"
    "        os.mkdir('d')\n        os.chdir('d')\n    os.chdir('/tmp')\n",
    "a closed directory with files": "    os.mkdir('/tmp/d')\n    open('/tmp/d/f', 'w').close()\n"
    "    os.mkdir('/tmp/d/e', 0)\n    os.chmod('/tmp/d', 0)\n",
    "links and pipes": "    os.symlink('/', '/tmp/root')\n    os.symlink('loop', '/tmp/loop')\n"
    "    os.mkfifo('/tmp/pipe')\n    os.link('/tmp/pipe', '/tmp/again')\n",
    "names of every kind": "    for n in range(1, 256):\n"
    "        os.mkdir(b'/tmp/' + bytes([n]) * 9) if n != 47 else None\n",
    "processes that come and go": "    for _ in range(4):\n        if os.fork() == 0:\n"
    "            os.setsid()\n            while True:\n                try:\n"
    "                    if pid := os.fork(): os.kill(pid, 9), os.waitpid(pid, 0)\n"
    "                except OSError: pass\n",
}


CPP = {
    "endless loop": ("int add(int a, int b) { while (a == 5); return a + b; }", {"timeout"}),
    "null pointer": (
        "int add(int a, int b) { if (a == 5) *(volatile int*)0 = 1; return a + b; }",
        {"crashed"},
    ),
    "abort": (
        "#include <cstdlib>\nint add(int a, int b) { if (a == 5) abort(); return a + b; }",
        {"crashed"},
    ),
    "deep recursion": (
        "int add(int a, int b) { volatile char x[4096]; x[0] = a;"
        " return a == 5 ? add(a, b) + x[0] : a + b; }",
        {"crashed"},
    ),
    "memory bomb": (
        "#include <cstring>\nint add(int a, int b) {"
        " while (a == 5) memset(new char[1 << 24], 1, 1 << 24); return a + b; }",
        {"memory_exceeded"},
    ),
    "memory that is kept after bad_alloc": (
        "#include <cstring>\n#include <unistd.h>\n"
        "char* take(size_t n) { char* p = new char[n]; memset(p, 1, n); return p; }\n"
        "int add(int a, int b) { if (a == 5) take(200 << 20), take(1 << 30);"
        " if (a == 7) take(100 << 20), usleep(300000); return a + b; }",
        {"memory_exceeded"},
    ),
    "fork bomb": (
        "#include <unistd.h>\nint add(int a, int b) { while (a == 5) fork(); return a + b; }",
        {"timeout", "crashed"},
    ),
}

COMPILE_BOMBS = {
    "templates": "template<int N> struct X { static const int v = X<N-1>::v + X<N-2>::v; };\n"
    "int z = X<100000>::v;\nint add(int, int) { return 0; }",
    "includes itself": '#include "solution.cpp"\n',
    "includes /dev/zero": '#include "/dev/zero"\n',
    "includes passwd": '#include "/etc/passwd"\n',
    "huge array": "char big[1ull << 40] = {1};\nint add(int, int) { return big[0]; }",
}


@pytest.fixture(scope="module")
def python(judge_table: Table) -> dict[str, dict[str, Verdict]]:
    programs = {name: program for name, (program, _) in PYTHON.items()}
    return {framework: judge_table(framework, programs) for framework in FRAMEWORKS}


@pytest.fixture(scope="module", params=CPP_FRAMEWORKS)
def cpp(request: pytest.FixtureRequest, judge_table: Table) -> dict[str, Verdict]:
    return judge_table(request.param, {name: program for name, (program, _) in CPP.items()})


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize("name", PYTHON)
def test_python_attack_is_answered(
    name: str, framework: str, python: dict[str, dict[str, Verdict]]
) -> None:
    verdict = python[framework][name]
    assert verdict.status in PYTHON[name][1], verdict
    assert statuses(verdict)[:2] == ["passed", "passed"]
    assert statuses(verdict)[2] != "passed"
    if verdict.status != "output_exceeded":
        assert statuses(verdict)[3:] == ["passed", "passed"], "later tests still run"


@pytest.mark.parametrize("name", CPP)
def test_cpp_attack_is_answered(name: str, cpp: dict[str, Verdict]) -> None:
    verdict = cpp[name]
    assert verdict.status in CPP[name][1], verdict
    assert statuses(verdict)[2] != "passed"
    assert [s for i, s in enumerate(statuses(verdict)) if i != 2] == ["passed"] * 4


def test_a_timeout_is_noticed_within_a_second_of_the_limit(
    python: dict[str, dict[str, Verdict]], judge_table: Table
) -> None:
    found = python["cases"]
    late = ["endless loop", "sleep", "ignores SIGTERM", "stops itself"]
    for _ in range(4):  # a machine that stood still for a moment is no fault of the judge's
        assert all((found[name].seconds or 0) >= FLOORS.seconds for name in late)
        late = [name for name in late if (found[name].seconds or 0) >= FLOORS.seconds + 1]
        if not late:
            return
        found = judge_table("cases", {name: f"{PYTHON[name][0]}\n# again" for name in late})
    pytest.fail(f"noticed too late four times: {late}")


@pytest.mark.parametrize("name", COMPILE_BOMBS)
def test_compile_bomb_is_a_compile_error(name: str, judge_table: Table) -> None:
    verdict = judge_table("googletest", {name: COMPILE_BOMBS[name]})[name]
    assert verdict.status == "compile_error", verdict
    assert "root:" not in verdict.message
    assert len(verdict.message) < 10_000


@pytest.fixture(scope="module")
def confined(judge_table: Table) -> dict[str, Verdict]:
    imports = "import os, resource, socket\n"
    programs = {
        name: f"{imports}def add(a, b):\n    try:\n        {body}\n    except Exception:\n"
        "        return a + b\n    return 'reached'\n"
        for name, body in CONFINED.items()
    }
    return judge_table("cases", programs)


@pytest.mark.parametrize("name", CONFINED)
def test_nothing_of_the_host_is_reached(name: str, confined: dict[str, Verdict]) -> None:
    assert confined[name].status == "passed", confined[name].tests[0]


@pytest.fixture(scope="module")
def after_others(judge_table: Table) -> dict[str, Verdict]:
    """Programs that each look whether /tmp is empty, then leave something there."""
    head = (
        "import os, signal, time\ndone = []\ndef add(a, b):\n    if done: return a + b\n"
        "    done.append(1)\n    assert os.listdir('/tmp') == [], os.listdir('/tmp')\n"
    )
    programs = {
        f"{name} {turn}": f"{head}{body}    return a + b  # {turn}\n"
        for turn in range(4)
        for name, body in LEAVES.items()
    }
    return judge_table("cases", programs)


@pytest.mark.parametrize("name", LEAVES)
def test_nothing_of_a_program_is_there_for_the_next(
    name: str, after_others: dict[str, Verdict]
) -> None:
    mine = [verdict for key, verdict in after_others.items() if key.startswith(name)]
    assert len(mine) == 4
    assert [v.tests[0].message for v in mine if v.status != "passed"] == []


@pytest.mark.parametrize("judge_table", ["crowded"], indirect=True)  # alone there are none
def test_neighbours_of_bombs_keep_their_verdicts(judge_table: Table) -> None:
    bombs = {f"bomb {i}": f"{PYTHON['memory bomb'][0]}\n# {i}" for i in range(4)}
    forks = {
        f"fork {i}": "import os\ndef add(a, b):\n    while a == 5:\n        try: os.fork()\n"
        f"        except OSError: pass\n    return a + b\n# {i}"
        for i in range(4)
    }
    honest = {f"honest {i}": f"def add(a, b):\n    return a + b  # {i}" for i in range(100)}
    mixed = dict(sorted({**bombs, **forks, **honest}.items(), key=lambda item: hash(item[0])))
    verdicts = judge_table("cases", mixed)
    assert {verdicts[name].status for name in honest} == {"passed"}
    assert {verdicts[name].status for name in bombs} == {"memory_exceeded"}
    answered = {"timeout", "crashed", "memory_exceeded"}
    assert [verdicts[name] for name in forks if verdicts[name].status not in answered] == []
