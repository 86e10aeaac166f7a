#!/usr/bin/python3
"""What a package is made of, from what its programs really link:

    sbom.py PACKAGE VERSION ROOT DOCS   SPDX 2.3 as DOCS/PACKAGE.spdx.json, and the
                                        license of each linked library beside it
    sbom.py --depends ROOT              the Depends line

The same tree and the same system give the same bytes."""
import hashlib
import json
import os
import shutil
import subprocess
import sys

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def binaries(root):
    for folder, folders, files in os.walk(root):
        folders.sort()
        for name in sorted(files):
            path = os.path.join(folder, name)
            if os.path.islink(path):
                continue
            with open(path, "rb") as file:
                if file.read(4) == b"\x7fELF":
                    yield path


def libraries(root):
    """Names of shared libraries that the programs of `root` need."""
    needed, own = set(), set()
    for path in binaries(root):
        own.add(os.path.basename(path))
        out = subprocess.run(["readelf", "-d", path], capture_output=True, text=True, check=True).stdout
        needed |= {line.split("[")[1].split("]")[0] for line in out.splitlines() if "(NEEDED)" in line}
    return sorted(n for n in needed if not n.startswith("libcountersign"))


def package_of(library):
    """(Debian package, version) that has this library."""
    out = subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        words = line.split()
        if words and words[0] == library:
            path = os.path.realpath(words[-1])
            for candidate in (path, path.replace("/usr/lib/", "/lib/", 1), words[-1]):
                found = subprocess.run(["dpkg-query", "-S", candidate], capture_output=True, text=True, check=False)
                if found.returncode == 0:
                    name = found.stdout.split(": ")[0].split(",")[0]
                    version = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], capture_output=True, text=True,
                                             check=True).stdout
                    return name.split(":")[0], version
    raise SystemExit("sbom: nobody owns " + library)


def packages(root):
    return sorted({package_of(library) for library in libraries(root)})


def depends(root):
    # Debian 12 or later: a library of these versions, or a newer one of its ABI.
    return ", ".join("%s (>= %s)" % (name, version.split("-")[0].split("+")[0]) for name, version in packages(root))


def digest(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def write(package, version, root, docs):
    created = subprocess.run(["date", "-u", "-d", "@" + os.environ["SOURCE_DATE_EPOCH"], "+%Y-%m-%dT%H:%M:%SZ"],
                             capture_output=True, text=True, check=True).stdout.strip()
    linked = packages(root)
    files = [{"fileName": "./" + os.path.relpath(path, root), "SPDXID": "SPDXRef-File-%d" % i,
              "checksums": [{"algorithm": "SHA256", "checksumValue": digest(path)}]}
             for i, path in enumerate(binaries(root))]
    document = {
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
        "name": "%s-%s" % (package, version),
        "documentNamespace": "https://spdx.org/spdxdocs/%s-%s-%s" % (
            package, version, hashlib.sha256("".join(f["checksums"][0]["checksumValue"] for f in files).encode()).hexdigest()),
        "creationInfo": {"created": created, "creators": ["Tool: countersign-sbom"]},
        "packages": [{"name": package, "SPDXID": "SPDXRef-Package", "versionInfo": version,
                      "downloadLocation": "NOASSERTION", "filesAnalyzed": False, "licenseConcluded": "Apache-2.0",
                      "licenseDeclared": "Apache-2.0", "copyrightText": "NOASSERTION"}] +
                    [{"name": name, "SPDXID": "SPDXRef-Debian-" + "".join(c if c.isalnum() or c in ".-" else "-" for c in name),
                      "versionInfo": v, "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
                      "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
                      "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                                        "referenceLocator": "pkg:deb/debian/%s@%s" % (name, v)}]} for name, v in linked],
        "files": files,
        "relationships": [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
                           "relatedSpdxElement": "SPDXRef-Package"}] +
                         [{"spdxElementId": "SPDXRef-Package", "relationshipType": "DEPENDS_ON",
                           "relatedSpdxElement": "SPDXRef-Debian-" +
                           "".join(c if c.isalnum() or c in ".-" else "-" for c in name)} for name, _ in linked]}
    with open(os.path.join(docs, package + ".spdx.json"), "w") as file:
        json.dump(document, file, indent=1)
        file.write("\n")
    shutil.copy(os.path.join(SOURCE, "packaging/debian/copyright"), os.path.join(docs, "copyright"))
    licenses = os.path.join(docs, "licenses")
    os.makedirs(licenses, exist_ok=True)
    for name, _ in linked:
        source = "/usr/share/doc/%s/copyright" % name
        if not os.path.exists(source):
            raise SystemExit("sbom: no license file of " + name)
        shutil.copyfile(source, os.path.join(licenses, name))


if __name__ == "__main__":
    if sys.argv[1] == "--depends":
        print(depends(sys.argv[2]))
    else:
        write(*sys.argv[1:])
