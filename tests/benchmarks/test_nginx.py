import pytest

from benchmarks.errors import TemplateChanged
from benchmarks.targets import nginx


@pytest.fixture
def conf(tmp_path):
    return nginx.configuration(tmp_path, port=18080, upstream_port=18081)


def test_nginx_listens_on_loopback_alone_and_without_tls(conf):
    listening = [line.strip() for line in conf.splitlines() if line.strip().startswith("listen ")]

    assert listening == ["listen 127.0.0.1:18080 default_server;"]
    assert "ssl_" not in conf


def test_what_nginx_does_with_a_stream_is_what_a_host_does(conf):
    assert "proxy_buffering off;" in conf
    assert 'proxy_set_header Connection "";' in conf
    assert "server 127.0.0.1:18081 max_fails=0;" in conf
    assert "keepalive 64;" in conf


def test_nginx_has_one_worker_and_keeps_its_files_together(conf, tmp_path):
    assert "worker_processes 1;" in conf
    assert "/var/" not in conf.replace("/var/www/acme", "")
    assert f"access_log {tmp_path}/access.log plain;" in conf


def test_a_template_that_changed_is_not_measured_silently(monkeypatch, tmp_path):
    template = tmp_path / "nginx.conf.j2"
    template.write_text("worker_processes auto;")
    monkeypatch.setattr(nginx, "TEMPLATE", template)

    with pytest.raises(TemplateChanged, match=r"nginx\.conf\.j2 no longer matches"):
        nginx.configuration(tmp_path, port=1, upstream_port=2)
