"""Applications of others on our server and on gunicorn: what holds on one has to hold on the other, or a test says why not."""
import pytest
from sites import GUNICORN, OURS


@pytest.fixture(scope="module", params=[OURS, GUNICORN])
def server(request):
    return request.param
