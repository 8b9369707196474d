"""Third-party applications on our server and on gunicorn: both servers have to give the same results, unless
a test says why not."""
import pytest
from sites import GUNICORN, OURS


@pytest.fixture(scope="module", params=[OURS, GUNICORN])
def server(request):
    return request.param
