# make demo: see it work, for real.   make test: all tests.   Both install what is missing; make deps does nothing else.

SWIFT ?= swift
PREFIX ?= /usr/local
# Warnings are errors here and in .ci/run, not for whoever builds with `swift build` alone (Package.swift reads it).
export IMGLIFE_WARNINGS_AS_ERRORS ?= 1
# Thousands of tests at once, on few cores, keep each other from what has to happen in time.
export SWT_EXPERIMENTAL_MAXIMUM_PARALLELIZATION_WIDTH ?= 12
FLAGS = --explicit-target-dependency-import-check error
# Swift's own libraries go into the binary: it runs where there is no Swift, and takes less memory.
RELEASE = -c release --static-swift-stdlib $(FLAGS)
SOURCES = Package.swift Sources Tests

BUILD_PACKAGES = libsqlite3-dev zlib1g-dev liblzma-dev libzstd-dev libre2-dev libstdc++-12-dev
TEST_PACKAGES = docker-registry skopeo podman buildah umoci containerd docker.io apache2-utils iproute2 openssl strace tmux xz-utils zsh fish zstd
DEMO_PACKAGES = docker-registry skopeo
PACKAGE_PACKAGES = binutils busybox-static ca-certificates dpkg-dev git gzip python3 xz-utils
CHECK_PACKAGES = debootstrap docker-registry lintian nginx openssl podman python3-venv skopeo systemd
BENCH_PACKAGES = docker-registry skopeo nginx wrk hyperfine openssl curl procps time python3 python3-matplotlib

# Installs those of its packages that dpkg does not know as installed; asks nothing when all are there.
define install_packages
@missing=""; for package in $(1); do \
	dpkg-query -W -f '$${Status}\n' $$package 2>/dev/null | grep -q 'ok installed' || missing="$$missing $$package"; done; \
if [ -n "$$missing" ]; then \
	echo "installing$$missing"; \
	root=""; [ "$$(id -u)" = 0 ] || root=sudo; \
	$$root apt-get update -q && \
	$$root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $$missing; fi
endef

# Tells which of its packages dpkg does not know as installed, before a compiler does in its own words.
define need_packages
@for package in $(1); do \
	! command -v dpkg-query >/dev/null || dpkg-query -W -f '$${Status}\n' $$package 2>/dev/null | grep -q 'ok installed' || \
	{ echo "$$package is missing; 'make deps' installs what is needed" >&2; exit 1; }; done
endef

.PHONY: build release test torture soak lint format demo bench install clean deps deb image check-packages
.PHONY: build-packages test-packages demo-packages bench-packages package-packages check-packages-packages

deps: build-packages test-packages demo-packages

build:
	$(call need_packages,$(BUILD_PACKAGES))
	$(SWIFT) build $(FLAGS)

# What 'imglife version' says it was built from.
release: export IMGLIFE_COMMIT = $(shell git describe --always --dirty --abbrev=12 2>/dev/null)
release:
	$(call need_packages,$(BUILD_PACKAGES))
	$(SWIFT) build --product imglife $(RELEASE)

test: build-packages test-packages
	$(SWIFT) build --build-tests $(FLAGS)
	SWIFT="$(SWIFT)" Tests/run unit --skip EndToEndTests
	SWIFT="$(SWIFT)" Tests/run endtoend --filter EndToEndTests

torture: build-packages
	$(SWIFT) build $(FLAGS)
	"$$($(SWIFT) build $(FLAGS) --show-bin-path)/Torture" $(CAMPAIGNS)

lint:
	$(SWIFT) format lint --strict --parallel --recursive $(SOURCES)

format:
	$(SWIFT) format --in-place --parallel --recursive $(SOURCES)

demo: build-packages demo-packages
	$(MAKE) release
	Tests/Demo/run "$$($(SWIFT) build $(RELEASE) --show-bin-path)/imglife"

# Pull-through with faults: memory and descriptors must not grow.
soak: release
	Benchmarks/soak "$$($(SWIFT) build $(RELEASE) --show-bin-path)/imglife" $(or $(MINUTES),30)

bench: build-packages bench-packages
	$(MAKE) release
	Benchmarks/run "$$($(SWIFT) build $(RELEASE) --show-bin-path)/imglife" $(BENCH)

install: release
	install -D -s -m 0755 "$$($(SWIFT) build $(RELEASE) --show-bin-path)/imglife" $(DESTDIR)$(PREFIX)/bin/imglife

deb: build-packages package-packages
	$(MAKE) release
	deploy/debian/build "$$($(SWIFT) build $(RELEASE) --show-bin-path)/imglife" var/dist

image: build-packages package-packages
	$(MAKE) release
	deploy/image/build "$$($(SWIFT) build $(RELEASE) --show-bin-path)/imglife" var/dist/image

check-packages: check-packages-packages deb image
	deploy/check var/dist/imglife_*.deb var/dist/image "$$($(SWIFT) build $(RELEASE) --show-bin-path)/imglife" var/dist/check

clean:
	rm -rf .build var/demo var/dist

build-packages:
	$(call install_packages,$(BUILD_PACKAGES))

test-packages:
	$(call install_packages,$(TEST_PACKAGES))

bench-packages:
	$(call install_packages,$(BENCH_PACKAGES))

demo-packages:
	$(call install_packages,$(DEMO_PACKAGES))

package-packages:
	$(call install_packages,$(PACKAGE_PACKAGES))

check-packages-packages:
	$(call install_packages,$(CHECK_PACKAGES))
