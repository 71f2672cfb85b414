import OCI
import TestSupport
import Testing

/// Archives that the programs of Debian make of an image that they hold.
@Suite(.requires(.root, .mounting, .tool("skopeo")), .timeLimit(.minutes(10)))
struct OtherProgramsTests {
    private static let name = "example.com/x/app:1"
    private static let image = SampleImage.unpackable(
        platform: Platform(os: "linux", architecture: "amd64"),
        texts: ["a base", "an application"]
    )

    /// Makes archives in a directory that holds the image as `oci.tar` and `docker.tar`, and imports each.
    ///
    /// The script sees a `/run` of its own, and what it starts ends with it. It prints a line for each archive: its file, what
    /// the program itself says of the image (`manifest` or `config`), and that digest.
    private static func expectImported(_ script: String, as more: [String] = [], count: Int) async throws {
        try await ScriptedRegistry.with { registry async throws in
            registry.load(image, repository: "up/app", tag: "1")
            try await Workspace.with { workspace async throws in
                let source = "docker://\(registry.place("up/app")):1"
                try await Skopeo.copy(source, "oci-archive:\(workspace.path)/oci.tar:\(name)")
                let copy = ["--insecure-policy", "copy", "--src-tls-verify=false", source]
                try await Tool.check("skopeo", copy + ["docker-archive:\(workspace.path)/docker.tar:\(name)"])
                try Files.write("set -e\nmount -t tmpfs tmpfs /run\n" + script, to: "\(workspace.path)/make")
                let made = try await workspace.launch(
                    ["unshare", "-m", "-p", "-f", "--mount-proc", "--kill-child", "bash", "make"],
                    environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
                )
                try #require(made.status == 0, "\(made.output)\(made.errors)")
                let archives = made.lines.map { $0.split(separator: " ").map(String.init) }
                #expect(archives.count == count, "\(made.output)")
                for (number, archive) in archives.enumerated() {
                    let store = "store-\(number)"
                    let result = try await workspace.launch(
                        [Workspace.program, "import", archive[0], "--cache-dir", store, "--progress", "none"] + more
                    )
                    #expect(result.status == 0, "\(archive): \(result.errors)")
                    try expect(archive[1], try Digest(archive[2]), in: CacheFiles(path: "\(workspace.path)/\(store)"))
                }
            }
        }
    }

    private static func expect(_ kind: String, _ digest: Digest, in files: CacheFiles) throws {
        let images = try files.images()
        #expect(try images.keys.sorted() == [name] && files.wrongBlobs().isEmpty)
        let top = try #require(images[name])
        let manifest = try JSONValue(parsing: Files.read("\(files.path)/blobs/sha256/\(top.hex)"))
        let config = try #require(manifest["config"]?["digest"]?.string)
        #expect((kind == "manifest" ? "\(top)" : config) == "\(digest)")
        #expect(try files.digests().contains(Digest(config)))
    }

    @Test(
        "What 'docker save' of docker 20.10 writes has docker's image ID",
        .requires(.tool("docker"), .tool("dockerd"))
    )
    func docker() async throws {
        let script = """
            dockerd --bridge=none --iptables=false --ip6tables=false --storage-driver=vfs --data-root "$PWD/docker" \\
                --exec-root /run/docker -H unix:///run/d.sock -p /run/d.pid >dockerd.log 2>&1 &
            export DOCKER_HOST=unix:///run/d.sock
            for try in $(seq 600); do docker version >/dev/null 2>&1 && break; sleep 0.1; done
            docker load -q -i docker.tar >&2
            docker save -o saved.tar \(Self.name)
            docker save \(Self.name) | gzip > saved.tar.gz
            for file in saved.tar saved.tar.gz; do
                echo $file config $(docker image inspect --format '{{.Id}}' \(Self.name))
            done
            """
        try await Self.expectImported(script, count: 2)
    }

    @Test("What containerd's ctr exports has its digest there", .requires(.tool("ctr"), .tool("containerd")))
    func containerd() async throws {
        let script = """
            containerd --root "$PWD/containerd" --state /run/containerd --address /run/c.sock >containerd.log 2>&1 &
            export CONTAINERD_ADDRESS=/run/c.sock
            for try in $(seq 600); do ctr version >/dev/null 2>&1 && break; sleep 0.1; done
            ctr images import --no-unpack oci.tar >&2
            ctr images export --all-platforms exported.tar \(Self.name)
            echo exported.tar manifest $(ctr images ls | awk '$1 == "\(Self.name)" { print $3 }')
            """
        try await Self.expectImported(script, count: 1)
    }

    @Test("A layout of umoci, with its tag alone, has umoci's digest", .requires(.tool("umoci")))
    func umoci() async throws {
        let script = """
            umoci init --layout layout
            umoci new --image layout:1
            mkdir files; echo text > files/text
            umoci insert --image layout:1 files /files
            tar -C layout -cf layout.tar .
            digest=$(grep -o 'sha256:[0-9a-f]*' layout/index.json)
            echo layout manifest $digest
            echo layout.tar manifest $digest
            """
        try await Self.expectImported(script, as: ["--as", "example.com/x/app"], count: 2)
    }

    @Test(
        "What buildah pushes and podman saves, in either form, is the image that they have",
        .requires(.tool("podman"), .tool("buildah"))
    )
    func podman() async throws {
        let script = """
            storage="--root $PWD/root --runroot $PWD/runroot --storage-driver vfs"
            podman="podman $storage --cgroup-manager cgroupfs --events-backend none"
            built=$(buildah $storage --isolation chroot from scratch)
            echo text > text
            buildah $storage add -q $built text /text >&2
            buildah $storage commit -q $built \(Self.name) >&2
            config=sha256:$(buildah $storage images --no-trunc --format '{{.ID}}' \(Self.name) | sed 's/^sha256://')
            buildah $storage push -q --digestfile digest \(Self.name) oci-archive:built.tar:\(Self.name) >&2
            echo built.tar manifest $(cat digest)
            buildah $storage push -q \(Self.name) docker-archive:built-docker.tar:\(Self.name) >&2
            echo built-docker.tar config $config
            $podman save -q --format oci-archive -o saved.tar \(Self.name) >&2
            echo saved.tar config $config
            $podman save -q -o saved-docker.tar \(Self.name) >&2
            echo saved-docker.tar config $config
            """
        try await Self.expectImported(script, count: 4)
    }
}
