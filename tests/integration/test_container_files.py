"""AU-05: the files for Docker Compose and Kubernetes in packaging/container, as far as they can be checked without either: that they are
well-formed, that their parts agree, and that the program takes its arguments. tools/try-image runs the image with them."""

import re
import subprocess

import pytest
import yaml

from harness import programs

FOLDER = programs.ROOT / "packaging/container"
COMPOSE = sorted(FOLDER.glob("compose*.yaml"))
KUBERNETES = sorted(FOLDER.glob("kubernetes*.yaml"))
USER = 65532
VERSIONS = {"Service": "v1", "Deployment": "apps/v1", "PersistentVolumeClaim": "v1"}
WRITTEN = {"/srv/ftp", "/run/sallyport"}


def stem(path):
    return path.stem


def service_of(file):
    return yaml.safe_load(file.read_text())["services"]["ftp"]


def objects_of(file):
    """By kind."""
    found = list(yaml.safe_load_all(file.read_text()))
    assert len({each["kind"] for each in found}) == len(found)
    return {each["kind"]: each for each in found}


def pod_of(file):
    return objects_of(file)["Deployment"]["spec"]["template"]["spec"]


def check(sallyport, words, certificate, tmp_path):
    """What `serve check` says of the arguments, with this test's files in place of those of the container."""
    files, password = tmp_path / "files", tmp_path / "password"
    files.mkdir()
    password.write_text("a long password\n")
    places = {"/srv/ftp": files, "/etc/sallyport/serve.toml": FOLDER / "serve.toml", "cert.pem": certificate.cert, "key.pem": certificate.key,
              "partner.password": password}
    for name, place in places.items():
        words = [re.sub(f"(^|[=@])/[^=@]*{re.escape(name.lstrip('/'))}$", lambda found: found[1] + str(place), word) for word in words]
    done = subprocess.run([sallyport, *words, "check"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done
    return done.stdout


@pytest.mark.parametrize("file", [*COMPOSE, *KUBERNETES], ids=stem)
def test_the_program_takes_the_arguments(sallyport, certificate, tmp_path, file):
    words = service_of(file)["command"] if file in COMPOSE else pod_of(file)["containers"][0]["args"]
    text = check(sallyport, words, certificate, tmp_path)
    assert "Listener 0.0.0.0:2121" in text and "1 account" in text
    assert ("30000-30099" if "range" in file.name else "the control port itself") in text


@pytest.mark.parametrize("file", [*COMPOSE, *KUBERNETES], ids=stem)
def test_the_image_is_that_of_this_version(file):
    version = re.search(r"project\(sallyport VERSION ([0-9.]+)", (programs.ROOT / "CMakeLists.txt").read_text())[1]
    image = service_of(file)["image"] if file in COMPOSE else pod_of(file)["containers"][0]["image"]
    assert image == f"localhost/sallyport:{version}"


@pytest.mark.parametrize("file", COMPOSE, ids=stem)
def test_docker_compose_reads_them(file):
    compose = programs.reference_server("docker-compose")
    if compose is None:
        pytest.skip("docker-compose is not in build/reference-servers; tools/reference-servers fetches it")
    done = subprocess.run([compose, "-f", file, "config"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done
    read = yaml.safe_load(done.stdout)["services"]["ftp"]
    assert read["read_only"] is True and read["cap_drop"] == ["ALL"] and read["healthcheck"]["test"][1:] == ["/usr/bin/sallyport", "serve", "status"]


@pytest.mark.parametrize("file", COMPOSE, ids=stem)
def test_a_compose_file_publishes_what_the_server_uses(file):
    service = service_of(file)
    if "range" in file.name:
        assert service["network_mode"] == "host" and "ports" not in service
    else:
        assert service["ports"] == ["21:2121"]
    places = {volume.split(":")[1] for volume in service["volumes"]} | {place.split(":")[0] for place in service["tmpfs"]}
    assert WRITTEN <= places
    named = {word.split("@")[-1].split("=")[-1] for word in service["command"] if "/run/secrets/" in word}
    assert named == {place for place in places if place.startswith("/run/secrets/")}
    assert f"uid={USER},gid={USER}" in service["tmpfs"][0]


@pytest.mark.parametrize("file", KUBERNETES, ids=stem)
def test_the_parts_of_a_kubernetes_file_agree(file):
    objects = objects_of(file)
    assert all(each["apiVersion"] == VERSIONS[kind] and each["metadata"]["name"] == "ftp" for kind, each in objects.items())
    deployment = objects["Deployment"]["spec"]
    labels = deployment["template"]["metadata"]["labels"]
    assert deployment["selector"]["matchLabels"] == labels
    pod = pod_of(file)
    container = pod["containers"][0]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounts = {mount["mountPath"]: volumes.pop(mount["name"]) for mount in container["volumeMounts"]}
    assert not volumes, "each volume is mounted"
    assert WRITTEN <= set(mounts)
    assert mounts["/srv/ftp"]["persistentVolumeClaim"]["claimName"] == objects["PersistentVolumeClaim"]["metadata"]["name"]
    secrets = {re.search(r"/run/[a-z/]*(?=/)", word)[0] for word in container["args"] if "/run/" in word}
    assert secrets == {place for place, volume in mounts.items() if "secret" in volume}
    rights = pod["securityContext"]
    assert rights["runAsUser"] == rights["runAsGroup"] == rights["fsGroup"] == USER and rights["runAsNonRoot"] is True
    assert container["securityContext"] == {"readOnlyRootFilesystem": True, "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


@pytest.mark.parametrize("file", KUBERNETES, ids=stem)
def test_the_ports_of_a_kubernetes_file_agree(file):
    pod = pod_of(file)
    container = pod["containers"][0]
    metrics = next(word.rpartition(":")[2] for word in container["args"] if word.startswith("--metrics="))
    ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
    for probe, path in (("readinessProbe", "/readyz"), ("livenessProbe", "/healthz")):
        asked = container[probe]["httpGet"]
        assert asked["path"] == path and str(ports.get(asked["port"], asked["port"])) == metrics
    if "range" in file.name:
        assert pod["hostNetwork"] is True and "Service" not in objects_of(file)
        return
    service = objects_of(file)["Service"]["spec"]
    assert service["sessionAffinity"] == "ClientIP" and service["externalTrafficPolicy"] == "Local"
    assert service["selector"].items() <= objects_of(file)["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    assert [(each["port"], ports[each["targetPort"]]) for each in service["ports"]] == [(21, 2121)]
