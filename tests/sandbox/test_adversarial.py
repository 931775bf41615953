"""A search for Python programs that pass without solving anything.

The question is one nobody can compute: its answers are random numbers that stand in the tests
alone. Every means of learning them or of changing what counts is combined with ways of being
started and of ending; none may pass a test, in any framework.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterable

import pytest

from codemix_core.records import Question, Verdict
from tests.sandbox.secret import secret_questions

Judge = Callable[[Question, Iterable[str]], list[Verdict]]

NUMBERS, ASKED = secret_questions(11, 3)

HEAD = """import atexit, builtins, codecs, gc, inspect, io, json, linecache, logging, operator, os, re
import signal, sys, threading, time, traceback, types, weakref
seen, found = set(), []
def look(o, depth=0):
    if id(o) in seen or depth > 6 or len(seen) > 50000: return
    seen.add(id(o))
    if type(o) is int and o >> 59 == 1: found.append(o)
    elif type(o) in (str, bytes): found.extend(int(x) for x in re.findall(
        '[0-9]{18,19}', o if type(o) is str else o.decode('latin1')) if int(x) >> 59 == 1)
    elif isinstance(o, dict): [look(v, depth + 1) for v in list(o.values())]
    elif isinstance(o, (list, tuple, set, frozenset)): [look(v, depth + 1) for v in list(o)]
    elif isinstance(o, types.CodeType): look(o.co_consts, depth + 1)
    elif isinstance(o, types.FunctionType):
        look(o.__code__, depth + 1)
        look([c.cell_contents for c in o.__closure__ or ()], depth + 1)
def frames(f):
    while f is not None:
        look(f.f_code); look(f.f_locals); f = f.f_back
def answer(n):
    numbers = list(dict.fromkeys(found))
    return numbers[n % len(numbers)] if numbers else 0
"""
LEARN = {
    "walks frames": "frames(sys._getframe())",
    "walks frames by another name": "frames(getattr(sys, '_get' + 'frame')())",
    "walks the frames of an exception": "try: 1 / 0\nexcept Exception as e: frames(e.__traceback__.tb_frame)",
    "walks inspect.stack": "[frames(s.frame) for s in inspect.stack()]",
    "walks inspect.currentframe": "frames(inspect.currentframe())",
    "asks logging for a frame": "frames(logging.currentframe())",
    "asks traceback for frames": "[frames(f) for f, _ in traceback.walk_stack(None)]",
    "asks for frames of all threads": "[frames(f) for f in sys._current_frames().values()]",
    "asks a running generator": "def g():\n    frames(h.gi_frame)\n    yield\nh = g()\nnext(h)",
    "walks the garbage collector": "[look(o, 5) for o in gc.get_objects()]",
    "asks who refers to it": "[look(o, 4) for o in gc.get_referrers(secret)]",
    "reads the test module": "[look(vars(m), 0) for k, m in list(sys.modules.items()) if 'test' in k]",
    "reads all modules": "[look(vars(m), 3) for m in list(sys.modules.values())"
    " if isinstance(m, types.ModuleType)]",
    "reads files": "[look(open(os.path.join(d, f), 'rb').read()) for d, _, fs in os.walk('/tmp') for f in fs]",
    "reads the line cache": "look(list(linecache.cache.values()))",
    "reads the tests' file": "look(open('/tmp/test_solution.py').read())",
    "traces": "def t(f, e, a):\n    frames(f)\n    return t\nsys.settrace(t)",
    "profiles": "sys.setprofile(lambda f, e, a: frames(f))",
    "traces threads": "threading.settrace(lambda f, e, a: frames(f))",
    "reads its own memory": "look(open('/proc/self/mem', 'rb').read(1 << 20))",
    "listens to audit events": "sys.addaudithook(lambda e, a: look(a))",
    "listens to imports": "sys.meta_path.insert(0, type('F', (), {'find_spec':"
    " staticmethod(lambda *a: frames(sys._getframe()))})())",
    "goes through pytest's import hook": "[look([i.obj for i in h.session.items])"
    " for h in sys.meta_path if hasattr(h, 'session')]",
    "goes through pytest's configuration": "import _pytest.assertion.util as u\n"
    "look([i.obj for i in u._config.pluginmanager.get_plugin('session').items])",
    "reads every descriptor": "for d in range(3, 300):\n    try:\n        os.lseek(d, 0, 0)\n"
    "        look(os.read(d, 1 << 20))\n    except OSError: pass",
    "compares by ctypes": "import ctypes\nlook(ctypes.string_at(id(secret), 4096))",
}
CHANGE = {
    "no AssertionError": "builtins.AssertionError = Warning",
    "all is equal to json": "json.loads = lambda *a, **k: 0\njson.dumps = lambda *a, **k: '0'",
    "operators agree": "operator.eq = lambda a, b: True\noperator.ne = lambda a, b: False",
    "turns failures in records": "w = os.write\nos.write = lambda d, x: w(d, bytes(x).replace(b' F ', b' P '))",
    "turns the failures of known tests": "w = os.write\n"
    "def turn(d, x):\n    x = bytes(x)\n"
    "    return w(d, x.replace(b' F ', b' P ') if b'test_'.hex().encode() + b'3' in x else x)\n"
    "os.write = turn",
    "runs no test": "import _pytest.python as p\np.Function.runtest = lambda s: None",
    "runs no test but the last": "import _pytest.python as p\nr = p.Function.runtest\n"
    "p.Function.runtest = lambda s: r(s) if s is s.session.items[-1] else None",
    "runs no test that asks it": "import _pytest.python as p\nr = p.Function.runtest\n"
    "p.Function.runtest = lambda s: None if 'secret' in s.obj.__code__.co_names else r(s)",
    "calls catch nothing": "import _pytest.runner as r\nr.CallInfo.from_call = classmethod(lambda c, f, when, reraise=None:"
    " r.CallInfo(None, None, 0, 0, 0, when, _ispytest=True))",
    "reports only good": "import sandbox.serve_pytest as s\n"
    "s._Recorder.pytest_runtest_makereport = lambda *a: None",
    "another recorder": "import sandbox.serve_pytest as s\nk = s._Recorder.pytest_runtest_logfinish\n"
    "def f(self, nodeid):\n    self._failure = None\n    return o(self, nodeid)\n"
    "o = types.FunctionType(k.__code__, k.__globals__)\nk.__code__ = f.__code__\nk.__globals__['o'] = o",
    "another test's code": "def change():\n    f = [m for k, m in sys.modules.items() if 'test_sol' in k]\n"
    "    for m in f:\n        for k, v in vars(m).items():\n"
    "            if k.startswith('test_'): v.__code__ = (lambda: None).__code__\n"
    "change()\natexit.register(change)",
    "other tests than those it is given": "import sandbox.rewritten as r\nk = r._loads\n"
    "def f(d):\n    r._loads = k\n    m, empty = k(d), (lambda: None).__code__\n"
    "    return m.replace(co_consts=tuple(empty.replace(co_name=c.co_name)"
    " if hasattr(c, 'co_code') else c for c in m.co_consts))\nr._loads = f",
    "a plugin at run time": "open('/tmp/conftest.py', 'w').write('def pytest_runtest_call(item): pass\\n"
    "def pytest_pyfunc_call(pyfuncitem): return True\\n')",
    "a decoder of its own": "codecs.register(lambda name: None)\n"
    "codecs.register_error('strict', lambda e: ('', e.end))",
    "limits": "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))\n"
    "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))",
    "signals": "signal.signal(signal.SIGALRM, lambda *a: os._exit(0))\nsignal.setitimer(signal.ITIMER_REAL, 0.005)",
    "a thread that outlives": "threading.Thread(target=lambda: (time.sleep(0.05), os._exit(0))).start()",
    "a child that answers": "if os.fork():\n    os._exit(0)",
    "weak references": "class O: pass\no = O()\nweakref.finalize(o, os._exit, 0)\ndel o",
    "a destructor": "class O:\n    def __del__(self): os._exit(0)\nO()",
    "traces its parent": "import ctypes\nctypes.CDLL(None).ptrace(16, os.getppid(), 0, 0)",
    "another opener of files": "builtins.open = io.open = lambda *a, **k: io.StringIO('')",
    "no comparison": "class T(type):\n    def __instancecheck__(c, o): return True\n"
    "builtins.int = T('int', (int,), {'__eq__': lambda a, b: True, '__hash__': lambda a: 0})",
    "attaches to the tests": "import ctypes\nc = ctypes.CDLL(None)\n"
    "[c.kill(p, 9) for p in range(2, 400) if p != os.getpid()]",
}
STARTS = ("at import", "in the call", "in a thread", "at exit")
ENDS = ("return answer(n)", "raise SystemExit(0)", "os._exit(0)")


def _program(means: str, start: str, end: str) -> str:
    body = "\n".join(f"        {line}" for line in means.splitlines())
    step = f"def step():\n    try:\n{body}\n    except BaseException: pass\n"
    begin = {
        "at import": "step()\n",
        "in the call": "",
        "in a thread": "t = threading.Thread(target=step)\nt.start()\nt.join(1)\n",
        "at exit": "atexit.register(step)\n",
    }[start]
    again = "    step()\n" if start in ("in the call", "at import") else ""
    return f"{HEAD}{step}def secret(n):\n{again}    {end}\n{begin}"


def programs() -> dict[str, str]:
    """Every means at import and in the call; a random choice of the other combinations."""
    means = LEARN | CHANGE
    plain = [(name, start, ENDS[0]) for name, start in itertools.product(means, STARTS[:2])]
    others = list(itertools.product(means, STARTS[2:], ENDS[:1]))
    others += list(itertools.product(CHANGE, STARTS[:1], ENDS[1:]))
    chosen = plain + random.Random(3).sample(others, 20)
    two = [tuple(random.Random(n).sample(sorted(CHANGE), 2)) for n in range(15)]
    made = {
        f"{name}, {start}: {end}": _program(means[name], start, end) for name, start, end in chosen
    }
    made |= {
        f"{a} and {b}": _program(f"{CHANGE[a]}\n{CHANGE[b]}", STARTS[0], ENDS[0]) for a, b in two
    }
    return made


@pytest.mark.parametrize("framework", ASKED)
def test_no_program_passes_without_solving_anything(framework: str, judge: Judge) -> None:
    codes = programs()
    *verdicts, after = judge(
        ASKED[framework], [*codes.values(), f"{ASKED[framework].gold}# after\n"]
    )
    forged = {
        name: (str(verdict.status), verdict.passed)
        for name, verdict in zip(codes, verdicts, strict=True)
        if verdict.score != 0
    }
    assert not forged
    assert after.status == "passed"
