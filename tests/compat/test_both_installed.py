"""PoorWSGI itself and our wheel in one environment, in both orders. tests/test_packaging.py tests the same
with a stand-in for PoorWSGI."""
import pytest
from departures import ORIGINAL
from test_packaging import WHEELS, Environment, wheel_of


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    [ours] = WHEELS.glob("*.whl")
    [package] = (ORIGINAL / "venv").glob("lib/python3.*/site-packages/poorwsgi")
    files = {f"poorwsgi/{path.name}": path.read_text() for path in package.glob("*.py")}
    return {"ours": ours, "theirs": wheel_of(files, tmp_path_factory.mktemp("theirs"))}


@pytest.mark.parametrize("order", [("ours", "theirs"), ("theirs", "ours")], ids=" then ".join)
def test_importing_says_which_one_to_remove(wheels, order, tmp_path):
    environment = Environment(tmp_path / "environment")
    environment.install(*(wheels[name] for name in order))
    for module in ("poorwsgi", "poorwsgi.response", "poorwsgi.digest"):
        done = environment.run(f"import {module}")
        assert done.returncode == 1
        assert done.stderr.splitlines()[-1].startswith("ImportError: the distributions poorwsgi and poorwsgi-rs are both")
