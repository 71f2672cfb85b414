import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

/// `imglife export`, as a user runs it and as other programs read what it writes.
@Suite(.timeLimit(.minutes(10)))
struct ExportTests {
    static let index = SampleImage.multiPlatform(seed: 1, layerSize: 90_000)
    static let single = SampleImage.image(layers: [.init(seed: 5, size: 50_000), .init(seed: 6, size: 70_000)])

    /// Two repositories, three tags, two platforms.
    static func with(_ body: (Workspace, _ upstream: ScriptedRegistry) async throws -> Void) async throws {
        try await ScriptedRegistry.with { upstream async throws in
            upstream.load(index, repository: "up/app", tag: "1")
            upstream.load(single, repository: "up/app", tag: "2")
            upstream.load(index, repository: "up/other", tag: "1")
            try await Workspace.with { workspace async throws in
                try workspace.configure(
                    Entry(upstream.place("up/app"), to: upstream.place("down/app"), Entry.all),
                    Entry(upstream.place("up/other"), to: upstream.place("down/other"), "tag: '1'")
                )
                try await body(workspace, upstream)
            }
        }
    }

    static func unpack(_ archive: String, in workspace: Workspace) async throws -> [String] {
        let result = try await workspace.shell(
            "rm -rf x && mkdir x && tar -C x -xf '\(archive)' && cd x && find * -type f"
        )
        #expect(result.status == 0, "\(result.errors)")
        return result.lines.sorted()
    }

    @Test(
        "While archives of a name are being written, another export of that name is refused",
        arguments: ["", "--volume-size 100KiB", "--force --volume-size 100KiB"]
    )
    func beside(options: String) async throws {
        try await Self.with { workspace, _ async throws in
            #expect(try await workspace.run("export", "-o", "a.tar", "--progress", "none").status == 0)
            let export = "\"$imglife\" export --offline --progress none -o b.tar \(options)"
            let refused = try await workspace.shell("(flock 9; \(export)) 9>b.tar.tmp-lock")
            #expect(refused.status == 1)
            #expect(refused.errors.contains("another imglife process is writing it"), "\(refused.errors)")
            #expect(try Files.list(workspace.path).sorted() == ["a.tar", "b.tar.tmp-lock", "imglife.yaml", "var"])
            let alone = try await workspace.shell(export)
            #expect(alone.status == 0, "\(alone.errors)")
            let names = try Files.list(workspace.path).filter { $0.hasPrefix("b.") }
            #expect(!names.isEmpty && names.allSatisfy { $0.hasSuffix(".tar") })
        }
    }

    @Test(
        "What entries select is fetched into the cache and exported; a second export asks for nothing and is the same"
    )
    func entries() async throws {
        try await Self.with { workspace, upstream async throws in
            let first = try await workspace.run("export", "-o", "a.tar", "--progress", "none")
            #expect(first.status == 0, "\(first.errors)")
            #expect(first.lines.contains { $0.hasPrefix("exported 3 tags, ") })
            #expect(RequestLog(upstream).blobFetches.values.allSatisfy { $0 == 1 })
            upstream.forgetRequests()
            let second = try await workspace.run("export", "-o", "b.tar", "--offline", "--progress", "none")
            #expect(second.status == 0, "\(second.errors)")
            #expect(upstream.requests.isEmpty)
            #expect(try Files.read("\(workspace.path)/a.tar") == Files.read("\(workspace.path)/b.tar"))
            let names = Set(
                (Self.index.blobs + Self.index.manifests + Self.single.blobs + Self.single.manifests)
                    .map { "blobs/sha256/\($0.descriptor.digest.hex)" }
            )
            let found = try await Self.unpack("a.tar", in: workspace)
            #expect(Set(found) == names.union(["oci-layout", "index.json", "imglife.json", "manifest.json"]))
            #expect(try CacheFiles(path: workspace.cache).images().count == 3)
            #expect(try Files.list(workspace.path).sorted() == ["a.tar", "b.tar", "imglife.yaml", "var", "x"])
        }
    }

    @Test("skopeo reads every tag of the archive, by both of its forms", .requires(.tool("skopeo")))
    func skopeo() async throws {
        try await Self.with { workspace, upstream async throws in
            #expect(try await workspace.run("export", "-o", "a.tar").status == 0)
            let archive = "\(workspace.path)/a.tar"
            for (name, image) in [("app:1", Self.index), ("app:2", Self.single), ("other:1", Self.index)] {
                let source = "oci-archive:\(archive):\(upstream.place("up/\(name)"))"
                let copy = "\(workspace.path)/\(name.replacing(":", with: "-"))"
                try await Skopeo.copy(source, "dir:\(copy)")
                #expect(try Files.read("\(copy)/manifest.json") == image.topBytes)
                let platform = ["--override-os", "linux", "--override-arch", "amd64"]
                let docker = "docker-archive:\(archive):\(upstream.place("up/\(name)"))"
                let inspected = try await Skopeo.run(platform + ["inspect", "--config", docker])
                #expect(inspected.status == 0, "\(inspected.errors)")
            }
        }
    }

    @Test("One platform of an image is cut out, the same way every time, and the cache's tag stays what it was")
    func platform() async throws {
        try await Self.with { workspace, upstream async throws in
            #expect(try await workspace.run("export", "-o", "all.tar").status == 0)
            for wish in ["library/nope", "quay.io/nobody/*"] {
                let result = try await workspace.run("export", "-o", "n.tar", "--offline", wish, "*")
                #expect(
                    result.status == 1
                        && result.errors.contains("'\(wish.hasPrefix("quay") ? wish : "docker.io/\(wish)")'")
                )
                #expect(!Files.exists("\(workspace.path)/n.tar"))
            }
            let name = upstream.place("up/app") + ":1"
            let before = try CacheFiles(path: workspace.cache).images()
            let run = { (file: String) in
                try await workspace.run("export", "-o", file, "--offline", "--platform", "linux/arm64", name)
            }
            let (first, second) = (try await run("a.tar"), try await run("b.tar"))
            #expect(first.status == 0 && second.status == 0, "\(first.errors)\(second.errors)")
            #expect(try Files.read("\(workspace.path)/a.tar") == Files.read("\(workspace.path)/b.tar"))
            #expect(
                try Files.read("\(workspace.path)/a.tar").readableBytes
                    < Files.read("\(workspace.path)/all.tar").readableBytes
            )
            #expect(try CacheFiles(path: workspace.cache).images() == before)
            let wrong = try await workspace.run("export", "-o", "c.tar", "--offline", "--platform", "linux/s390x", name)
            #expect(wrong.status == 1 && wrong.errors.contains("linux/s390x"))
            #expect(!Files.exists("\(workspace.path)/c.tar"))
        }
    }

    @Test("Offline everything that is missing is named, and nothing is written or asked")
    func offline() async throws {
        try await Self.with { workspace, upstream async throws in
            #expect(try await workspace.run("export", "-o", "a.tar", upstream.place("up/app") + ":1").status == 0)
            let layer = Self.index.blobs[1].descriptor.digest
            let path = "\(workspace.cache)/blobs/sha256/\(layer.hex)"
            try Files.remove(path)
            upstream.forgetRequests()
            let names = ["up/app:1", "up/app:2", "up/other:1"].map(upstream.place)
            let result = try await workspace.run("export", "-o", "b.tar", "--offline", names[0], names[1], names[2])
            #expect(result.status == 1)
            for text in names + ["\(layer)"] { #expect(result.errors.contains(text), "\(result.errors)") }
            #expect(result.errorLines.count == 1)
            #expect(try Files.list(workspace.path) == ["a.tar", "imglife.yaml", "var"])
            #expect(upstream.requests.isEmpty)
            let healed = try await workspace.run("export", "-o", "b.tar", names[0])
            #expect(healed.status == 0, "\(healed.errors)")
            #expect(RequestLog(upstream).blobFetches == ["\(layer)": 1])
        }
    }

    @Test("Standard output gives the same archive, and the result goes to standard error")
    func standardOutput() async throws {
        try await Self.with { workspace, _ async throws in
            #expect(try await workspace.run("export", "-o", "a.tar").status == 0)
            let result = try await workspace.run("export", "-o", "-", "--output", "json", "--progress", "none")
            #expect(result.status == 0)
            #expect(ByteBuffer(bytes: result.stdout) == (try Files.read("\(workspace.path)/a.tar")))
            #expect(result.errors.contains(#""was_there" : false"#), "\(result.errors)")
            let volumes = try await workspace.run("export", "-o", "-", "--volume-size", "100KB")
            #expect(volumes.status == 1 && volumes.stdout.isEmpty && volumes.errors.contains("-o"))
            // The reader has gone before anything is written: a pipe may hold a whole small archive.
            let writer = "{ until [ -e gone ]; do sleep 0.02; done; \"$imglife\" export -o -; }"
            let broken = try await workspace.shell("\(writer) | { exec 0<&-; touch gone; }")
            #expect(broken.errors.contains("standard output"), "\(broken.errors)")
        }
    }

    @Test("An incremental archive holds the new blobs only and says how much it saved")
    func since() async throws {
        try await Self.with { workspace, upstream async throws in
            let names = [upstream.place("up/app") + ":1", upstream.place("up/app") + ":2"]
            #expect(try await workspace.run("export", "-o", "a.tar", names[0]).status == 0)
            _ = try await Self.unpack("a.tar", in: workspace)
            let document = try JSONValue(parsing: Files.read("\(workspace.path)/x/imglife.json"))
            let blobs = try #require(document["blobs"]?.elements).map { blob in
                "{\"digest\":\"\(blob["digest"]?.string ?? "")\",\"size\":\(blob["size"]?.integer ?? 0)}"
            }
            let receipt =
                "{\n\"version\":1,\n\"blobs\":[\n" + blobs.joined(separator: ",\n") + "\n],\n\"images\":[]\n}\n"
            try Files.write(receipt, to: "\(workspace.path)/receipt.json")
            let result = try await workspace.run("export", "-o", "b.tar", "--since", "receipt.json", names[0], names[1])
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.lines.contains { $0.hasPrefix("left out \(blobs.count) blobs, ") }, "\(result.output)")
            let found = try await Self.unpack("b.tar", in: workspace).filter { $0.hasPrefix("blobs/") }
            let new = (Self.single.blobs + Self.single.manifests).map { "blobs/sha256/\($0.descriptor.digest.hex)" }
            #expect(Set(found).isSubset(of: new) && !found.isEmpty)
            let broken = try await workspace.run("export", "-o", "c.tar", "--since", "imglife.yaml")
            #expect(broken.status == 1 && broken.errors.contains("imglife.yaml"))
        }
    }

    @Test("Volumes are called by number and count, and a second run leaves those that are there")
    func volumes() async throws {
        try await Self.with { workspace, _ async throws in
            let arguments = ["export", "-o", "a.tar", "--volume-size", "130KB", "--progress", "none"]
            let first = try await workspace.launch([Workspace.program] + arguments)
            #expect(first.status == 0, "\(first.errors)")
            let files = try Files.list(workspace.path).filter { $0.hasSuffix(".tar") }
            #expect(files.count > 1 && files == (1...files.count).map { "a.\($0)-of-\(files.count).tar" })
            for file in files { #expect(try Files.read("\(workspace.path)/\(file)").readableBytes <= 130_000) }
            try Files.remove("\(workspace.path)/\(files[1])")
            let second = try await workspace.launch([Workspace.program] + arguments)
            #expect(second.status == 0, "\(second.errors)")
            #expect(second.lines.filter { $0.hasSuffix("was there already") }.count == files.count - 1)
        }
    }

    @Test("With --force a set takes the place of the former one, and a directory with two of them is not imported")
    func formerSet() async throws {
        try await Self.with { workspace, _ async throws in
            let export = { (options: String...) in
                let arguments = ["export", "-o", "usb/a.tar", "--progress", "none"] + options
                return try await workspace.launch([Workspace.program] + arguments)
            }
            try Files.makeDirectory("\(workspace.path)/usb")
            try Files.write("mine", to: "\(workspace.path)/usb/a.1-of-9.tar.txt")
            #expect(try await export("--volume-size", "130KB").status == 0)
            let first = try Files.list("\(workspace.path)/usb")
            #expect(try await export().status == 0)
            let both = try await workspace.run("import", "--cache-dir", "other", "usb")
            #expect(both.status == 64 && both.errors.contains("usb/a.tar"), "\(both.errors)")
            #expect(!Files.exists("\(workspace.path)/other"))
            let forced = try await export("--force")
            #expect(forced.status == 0 && forced.errors.contains("former set"), "\(forced.errors)")
            #expect(try Files.list("\(workspace.path)/usb").sorted() == ["a.1-of-9.tar.txt", "a.tar"])
            #expect(try await export("--volume-size", "130KB", "--force").status == 0)
            #expect(try Files.list("\(workspace.path)/usb").sorted() == first.sorted())
            #expect(try await workspace.run("import", "--cache-dir", "other", "usb").status == 0)
        }
    }

    @Test("Keys are made once, private and public, and sign", .requires(.tool("openssl")))
    func keys() async throws {
        try await Self.with { workspace, _ async throws in
            #expect(try await workspace.run("keygen", "-o", "k").status == 0)
            let modes = try await workspace.shell(
                "stat -c %a k k.pub; openssl pkey -in k -pubout | cmp - k.pub && echo same"
            )
            #expect(modes.lines == ["600", "644", "same"])
            #expect(try await workspace.run("keygen", "-o", "k").status == 1)
            let result = try await workspace.run("export", "-o", "a.tar", "--sign", "k")
            #expect(result.status == 0, "\(result.errors)")
            _ = try await Self.unpack("a.tar", in: workspace)
            let document = try JSONValue(parsing: Files.read("\(workspace.path)/x/imglife.json"))
            #expect(document["signatures"]?.elements?.count == 1)
            let wrong = try await workspace.run("export", "-o", "b.tar", "--sign", "k.pub")
            #expect(wrong.status == 64 && wrong.errors.contains("k.pub"))
        }
    }

    @Test(
        "Usage that cannot be meant is refused before anything is asked",
        arguments: [
            ["-o", "a.tar", "--platform", "linux"], ["-o", "a.tar", "alpine@sha256:00"],
            ["-o", "a.tar", "--volume-size", "x"],
            ["-o", "a.tar", "--entry", "nothing"], [], ["-o", "a.tar", "--sign", "absent"],
        ]
    )
    func usage(arguments: [String]) async throws {
        try await Self.with { workspace, upstream async throws in
            let result = try await workspace.launch([Workspace.program, "export"] + arguments)
            #expect(result.status == 64, "\(result.errors)")
            #expect(upstream.requests.isEmpty && !Files.exists("\(workspace.path)/a.tar"))
        }
    }

    @Test(
        "Who waits for the other end of a pipe can be told to stop",
        arguments: [
            "\"$imglife\" export -o p --offline & pid=$!", "\"$imglife\" import p & pid=$!",
        ]
    )
    func waitsForPipe(command: String) async throws {
        try await Self.with { workspace, upstream async throws in
            let fill = "\"$imglife\" export -o all.tar >/dev/null || exit 1; mkfifo p; "
            // Until it has begun to wait, a signal finds it nowhere.
            let stop =
                "; until grep -q '^SigCgt:.*[4567cdefCDEF]...$' /proc/$pid/status; do sleep 0.02; done; sleep 0.2; "
            let result = try await workspace.shell(fill + command + stop + "kill -TERM $pid; wait $pid")
            #expect(result.status == 143, "\(result.errors)")
        }
    }

    @Test("A file that is there is not replaced, and nothing is fetched for it")
    func exists() async throws {
        try await Self.with { workspace, upstream async throws in
            try Files.write("mine", to: "\(workspace.path)/a.tar")
            let result = try await workspace.run("export", "-o", "a.tar")
            #expect(result.status == 1 && result.errors.contains("--force"), "\(result.errors)")
            #expect(upstream.requests.isEmpty)
            #expect(try Files.text("\(workspace.path)/a.tar") == "mine")
            #expect(try await workspace.run("export", "-o", "a.tar", "--force").status == 0)
            let absent = try await workspace.run("export", "-o", "no/a.tar")
            #expect(absent.status == 1 && absent.errors.contains("no/a.tar"))
        }
    }
}
