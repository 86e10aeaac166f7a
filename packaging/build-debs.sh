#!/bin/sh
# Builds countersign, countersign-handler and libcountersign-handler-dev into
# build/deb, from this tree alone: the same bytes wherever and whenever it is done.
# dpkg-deb and no debhelper: what goes where is cmake's install rules and the list
# below.
set -eu
umask 022
here=$(cd "$(dirname "$0")/.." && pwd)
cd "$here"
out=${1:-build/deb}
jobs=${JOBS:-$(nproc)}
version=$(sed -n 's/^project(countersign VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
arch=$(dpkg --print-architecture)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || stat -c %Y CMakeLists.txt)}
export SOURCE_DATE_EPOCH LC_ALL=C TZ=UTC

rm -rf "$out"
mkdir -p "$out"
out=$(cd "$out" && pwd)
# The programs are built like a release, without tests.
cmake -S . -B "$out/build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX=/usr \
	-DCMAKE_INSTALL_LIBEXECDIR=libexec -DCMAKE_INSTALL_LIBDIR="lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || gcc -print-multiarch)" \
	-DCS_TESTS=OFF -DCS_BENCH=OFF >/dev/null
cmake --build "$out/build" -j "$jobs" -- --quiet
DESTDIR="$out/all" cmake --install "$out/build" >/dev/null
find "$out/all/usr/share/man" -name '*.[1-8]' -exec gzip -9n {} +
strip --strip-unneeded "$out"/all/usr/bin/* "$out"/all/usr/libexec/countersign/*
find "$out/all" -name '*.so.*' -type f -exec strip --strip-unneeded {} +
find "$out/all" -name '*.a' -exec strip --strip-debug --enable-deterministic-archives {} +

# move PACKAGE PATH…: into the package, out of what is left.
move() {
	package=$1
	shift
	for path; do
		mkdir -p "$out/$package/$(dirname "$path")"
		mv "$out/all/$path" "$out/$package/$(dirname "$path")/"
	done
}

lib=$(cd "$out/all" && find usr/lib -maxdepth 2 -name 'libcountersign-handler.so.1' -printf '%h')
move countersign-handler usr/libexec/countersign/writerd-handler usr/share/countersign/kit \
	"usr/share/man/man8/writerd-handler.8.gz"
(cd "$out/all" && find "$lib" -maxdepth 1 -name 'libcountersign-handler.so.*') | while read -r file; do
	move countersign-handler "$file"
done
move libcountersign-handler-dev usr/include "$lib/libcountersign-handler.so" "$lib/libcountersign-handler.a" \
	"$lib/pkgconfig" usr/share/man/man3
if [ -d "$out/all/usr/share/countersign/examples/handler-c" ]; then
	move libcountersign-handler-dev usr/share/countersign/examples/handler-c
fi
mv "$out/all" "$out/countersign"

# What is no build product: units, users, folders, completions, the example.
into() { mkdir -p "$out/$1/$2" && shift && target=$1 && shift && cp -r "$@" "$out/$package/$target/"; }
package=countersign
into countersign usr/lib/systemd/system packaging/systemd/countersign*
units=usr/lib/systemd/system
into countersign usr/lib/sysusers.d packaging/sysusers.d/countersign.conf
into countersign usr/lib/tmpfiles.d packaging/tmpfiles.d/countersign.conf
into countersign etc/countersign packaging/debian/countersign.json.example packaging/debian/mcpd.env packaging/debian/context.env
mkdir -p "$out/countersign/etc/countersign/credentials/mcpd" "$out/countersign/etc/countersign/credentials/writerd"
for shell in bash zsh fish; do
	"$out/build/bin/countersign" completion $shell >"$out/completion.$shell"
done
install -D -m 0644 "$out/completion.bash" "$out/countersign/usr/share/bash-completion/completions/countersign"
install -D -m 0644 "$out/completion.zsh" "$out/countersign/usr/share/zsh/vendor-completions/_countersign"
install -D -m 0644 "$out/completion.fish" "$out/countersign/usr/share/fish/vendor_completions.d/countersign.fish"
package=countersign-handler
mkdir -p "$out/countersign-handler/$units" "$out/countersign-handler/etc/countersign/credentials/handler"
mv "$out/countersign/$units/countersign-handler.service" "$out/countersign/$units/countersign-ledgerd-handler.socket" \
	"$out/countersign-handler/$units/"
into countersign-handler usr/lib/tmpfiles.d packaging/tmpfiles.d/countersign-handler.conf
into countersign-handler usr/lib/sysusers.d packaging/sysusers.d/countersign-handler.conf

# The daemons may be run and not read (docs/modes.md).
chmod 0711 "$out"/countersign/usr/libexec/countersign/mcpd "$out"/countersign/usr/libexec/countersign/ledgerd \
	"$out"/countersign/usr/libexec/countersign/writerd "$out"/countersign-handler/usr/libexec/countersign/writerd-handler
chmod -R u=rwX,go= "$out/countersign/etc/countersign/credentials" "$out/countersign-handler/etc/countersign/credentials"

for package in countersign countersign-handler libcountersign-handler-dev; do
	root=$out/$package
	docs=$root/usr/share/doc/$package
	mkdir -p "$root/DEBIAN" "$docs"
	python3 packaging/sbom.py "$package" "$version" "$root" "$docs"
	gzip -9nc packaging/debian/changelog >"$docs/changelog.gz"
	# Of the files and not of the disk that they happen to be on.
	size=$(find "$root" -path "$root/DEBIAN" -prune -o -printf '%y %s\n' |
		awk '{ n += $1 == "f" ? int(($2 + 1023) / 1024) : 1 } END { print n }')
	sed -e "s/@VERSION@/$version/g; s/@ARCH@/$arch/; s/@SIZE@/$size/; s/@DEPENDS@/$(cat "$out/$package.depends" 2>/dev/null || python3 packaging/sbom.py --depends "$root")/" \
		"packaging/debian/$package.control" >"$root/DEBIAN/control"
	for script in postinst prerm postrm; do
		if [ -f "packaging/debian/$package.$script" ]; then
			install -m 0755 "packaging/debian/$package.$script" "$root/DEBIAN/$script"
		fi
	done
	if [ -n "$(find "$root/etc" -type f 2>/dev/null)" ]; then
		(cd "$root" && find etc -type f | LC_ALL=C sort | sed 's|^|/|') >"$root/DEBIAN/conffiles"
	fi
	if [ -n "$(find "$root/$lib" -name '*.so.1' 2>/dev/null)" ]; then
		echo "activate-noawait ldconfig" >"$root/DEBIAN/triggers"
		echo "libcountersign-handler 1 countersign-handler (>= $version)" >"$root/DEBIAN/shlibs"
	fi
	(cd "$root" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 md5sum) >"$root/DEBIAN/md5sums"
	find "$root" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
	dpkg-deb --root-owner-group -Zxz --threads-max=1 --build "$root" "$out/${package}_${version}_$arch.deb" >/dev/null
done
rm -rf "$out/build" "$out"/completion.* "$out"/countersign "$out"/countersign-handler "$out"/libcountersign-handler-dev
ls "$out"
