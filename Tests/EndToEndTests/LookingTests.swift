import Glibc
import NIOCore
import OCI
import TestSupport
import Testing

/// Looking never creates: what the commands do where there is no cache.
@Suite(.timeLimit(.minutes(10)))
struct LookingTests {
    private static let looking = [
        "cache stats", "cache ls", "cache verify", "cache verify --repair", "cache gc", "cache gc --force --dry-run",
        "cache rm a:1", "receipt", "export --offline -o out.tar a:1",
    ]

    @Test("It says that there is none, exits 1 and creates nothing", arguments: looking)
    func absent(command: String) async throws {
        try await Workspace.with { workspace async throws in
            try #require(mkdir("\(workspace.path)/empty", 0o700) == 0)
            for place in ["absent/cache", "empty"] {
                let result = try await workspace.shell(
                    "exec \"$imglife\" --cache-dir \(place) \(command)"
                )
                #expect(result.status == 1, "\(result.output)\(result.errors)")
                #expect(result.errors.contains("there is no cache"), "\(result.errors)")
                #expect(result.output == "")
            }
            #expect(try Files.list(workspace.path) == ["empty"])
            #expect(try Files.list("\(workspace.path)/empty").isEmpty)
        }
    }

    /// Commands that would fill a cache and have nothing to fill it with.
    private static let idle = [
        "import none.tar", "import none.tar emptied blank blank.tar.gz", "import text",
        "import text --verify-key none.pub", "sync -c wrong.yaml", "serve -c wrong.yaml", "serve --htpasswd none",
        "serve --pull-through", "serve --sync-every 1h",
        "serve --listen 127.0.0.1:0 --tls-cert none --tls-key none", "export -o none/out.tar --since none.json a:1",
    ]

    @Test("What has nothing to fill a cache with makes none", arguments: idle)
    func nothing(command: String) async throws {
        try await Workspace.with { workspace async throws in
            for place in ["emptied", "emptied/deeper"] {
                try #require(mkdir("\(workspace.path)/\(place)", 0o700) == 0)
            }
            for name in ["blank", "blank.tar.gz"] { try Files.write("", to: "\(workspace.path)/\(name)") }
            try Files.write("no archive", to: "\(workspace.path)/text")
            try Files.write("sync: 12\n", to: "\(workspace.path)/wrong.yaml")
            let before = try Files.list(workspace.path)
            let result = try await workspace.shell("exec \"$imglife\" --cache-dir made \(command)")
            #expect(result.status != 0 && !result.errors.isEmpty, "\(result.output)\(result.errors)")
            #expect(try Files.list(workspace.path) == before, "\(result.errors)")
        }
    }

    @Test("A server whose address is taken makes no cache")
    func taken() async throws {
        try await ScriptedRegistry.with { other in
            try await Workspace.with { workspace async throws in
                let result = try await workspace.shell(
                    "exec \"$imglife\" --cache-dir made serve --listen \(other.host)"
                )
                #expect(result.status == 1, "\(result.output)\(result.errors)")
                #expect(result.errors.contains("cannot listen on \(other.host)"), "\(result.errors)")
                #expect(try Files.list(workspace.path).isEmpty)
            }
        }
    }

    @Test("A cache of another user is denied, not absent", .requires(.root), arguments: looking)
    func denied(command: String) async throws {
        try await Workspace.with { workspace async throws in
            for path in ["", "/private"] { _ = mkdir(workspace.path + path, 0o755) }
            try #require(chmod(workspace.path, 0o755) == 0)
            try #require(chmod("\(workspace.path)/private", 0o700) == 0)
            let other = "exec setpriv --reuid=65534 --regid=65534 --clear-groups"
            try #require(await workspace.shell("cp \"$imglife\" program").status == 0)
            let result = try await workspace.shell("\(other) ./program --cache-dir private/cache \(command)")
            #expect(result.status == 1, "\(result.output)\(result.errors)")
            #expect(result.errors.contains("Permission denied"), "\(result.errors)")
            #expect(!result.errors.contains("there is no cache"), "\(result.errors)")
        }
    }

    @Test("What fills a cache makes one, but not among somebody else's files")
    func filling() async throws {
        try await Mirror.with { mirror async throws in
            let workspace = mirror.workspace
            try Files.write("x", to: "\(workspace.path)/full/letter.txt")
            for command in ["sync", "import a.tar", "serve --listen 127.0.0.1:0"] {
                let result = try await workspace.shell("exec \"$imglife\" --cache-dir full \(command)")
                #expect(result.status == 1, "\(result.output)\(result.errors)")
                #expect(result.errors.contains("choose an empty directory"), "\(result.errors)")
            }
            #expect(try Files.list("\(workspace.path)/full") == ["letter.txt"])
            try #require(await workspace.run("sync").status == 0)
            try #require(await workspace.run("export", "--offline", "-o", "a.tar").status == 0)
            let result = try await workspace.run("--cache-dir", "new/cache", "import", "a.tar")
            #expect(result.status == 0, "\(result.errors)")
            #expect(try await workspace.run("--cache-dir", "new/cache", "cache", "verify").status == 0)
        }
    }

    @Test(
        "skopeo's layout keeps its entries when images are imported beside them",
        .requires(.tool("skopeo"))
    )
    func skopeo() async throws {
        try await Mirror.with { mirror async throws in
            let workspace = mirror.workspace
            try #require(await workspace.run("sync").status == 0)
            try #require(await workspace.run("export", "--offline", "-o", "a.tar").status == 0)
            let names = try CacheFiles(path: workspace.cache).images().keys.sorted()
            let name = try #require(names.first)
            let copy = "skopeo copy -q --insecure-policy"
            let made = try await workspace.shell("\(copy) 'oci:var/cache:\(name)' oci:layout:mine")
            try #require(made.status == 0, "\(made.errors)")
            let result = try await workspace.run("--cache-dir", "layout", "import", "a.tar")
            #expect(result.status == 0, "\(result.errors)")
            let gc = try await workspace.run("--cache-dir", "layout", "cache", "gc", "--grace", "0s")
            #expect(gc.status == 0, "\(gc.errors)")
            for tag in ["mine", name] {
                let read = try await workspace.shell("rm -rf out; \(copy) 'oci:layout:\(tag)' dir:out")
                #expect(read.status == 0, "\(read.errors)")
            }
        }
    }

    @Test("Where standard output is full, what was to be done is done, and what failed is told")
    func fullOutput() async throws {
        try await Mirror.with { mirror async throws in
            try await mirror.expectSuccess()
            let name = mirror.upstream.place("up/app:1")
            let result = try await mirror.workspace.shell(
                """
                "$imglife" cache verify >/dev/full; echo $?; "$imglife" cache stats | grep -o 'Last verification'
                "$imglife" cache rm \(name) gone:1 >/dev/full; echo $?; "$imglife" cache ls
                """
            )
            #expect(result.lines.prefix(3) == ["1", "Last verification", "1"], "\(result.errors)")
            #expect(!result.output.contains(name) && result.errors.contains("gone:1 is not in the cache"))
        }
    }

    @Test("After names were lost a collection waits for a sync, or is forced")
    func lostNames() async throws {
        try await Mirror.with { mirror async throws in
            let workspace = mirror.workspace
            let cache = workspace.cache
            try #require(await workspace.run("sync").status == 0)
            for (forced, isCopied) in [(false, true), (false, false), (true, false)] {
                try #require(await workspace.shell("rm -rf \(cache)/index.sqlite* \(cache)/backup").status == 0)
                try Files.write("{", to: "\(cache)/index.json")
                let refused = try await workspace.run("cache", "gc", "--grace", "0s")
                #expect(refused.status == 1)
                #expect(refused.errors.contains("names were lost with its index"), "\(refused.errors)")
                let before = try Files.list("\(cache)/blobs/sha256")
                #expect(!before.isEmpty)
                if forced {
                    #expect(try await workspace.run("cache", "gc", "--grace", "0s", "--force").status == 0)
                    #expect(try Files.list("\(cache)/blobs/sha256").isEmpty)
                } else {
                    if isCopied { mirror.target.store.remove("down/app") }
                    try #require(await workspace.run("sync").status == 0)
                    #expect(try await workspace.run("cache", "gc", "--grace", "0s").status == 0)
                    #expect(try Files.list("\(cache)/blobs/sha256") == before)
                }
            }
        }
    }

    @Test("While a target does not tell which image it has, a collection goes on waiting; later it has its name again")
    func untoldNames() async throws {
        try await Mirror.with { mirror async throws in
            let (workspace, cache) = (mirror.workspace, mirror.workspace.cache)
            let (source, target) = (mirror.upstream.place("up/app"), mirror.target.place("down/app"))
            try workspace.configure(Entry(source, to: target, "tag_regex: '1'"))
            try await mirror.expectSuccess()
            let before = try Files.list("\(cache)/blobs/sha256")
            try #require(await workspace.shell("rm -rf \(cache)/index.* \(cache)/backup").status == 0)
            mirror.target.script(RequestMatch(nil, .manifests, times: nil), .status(403))
            mirror.upstream.load(.image(labels: ["moved": "yes"]), repository: "up/app", tag: "1")
            let untold = try await workspace.run("sync")
            #expect(untold.status == 0)
            #expect(untold.errors.contains("do not tell which image they have"), "\(untold.errors)")
            #expect(try await workspace.run("cache", "gc", "--grace", "0s").status == 1)
            mirror.target.removeScript()
            let told = try await workspace.run("sync")
            #expect(told.status == 0 && !told.errors.contains("do not tell"), "\(told.errors)")
            #expect(try await workspace.run("cache", "gc", "--grace", "0s").status == 0)
            #expect(try Set(Files.list("\(cache)/blobs/sha256")).isSuperset(of: before))
        }
    }

    @Test("A stopped process that keeps the index busy is named", .requires(.tool("python3")))
    func stoppedWriter() async throws {
        try await Mirror.with { mirror async throws in
            try await mirror.expectSuccess()
            let writer = """
                import os, signal, sqlite3
                database = sqlite3.connect("\(mirror.workspace.cache)/index.sqlite", isolation_level=None)
                database.execute("BEGIN IMMEDIATE")
                os.kill(os.getpid(), signal.SIGSTOP)
                """
            try Files.write(writer, to: "\(mirror.workspace.path)/writer.py")
            let script = """
                python3 writer.py & writer=$!
                until grep -q '^State:.T' /proc/$writer/status; do :; done
                "\(Workspace.program)" cache rm '\(mirror.upstream.place("up/app")):1'; code=$?
                kill -KILL $writer; echo $writer; exit $code
                """
            let result = try await mirror.workspace.launch(["sh", "-c", script])
            let process = try #require(result.lines.last)
            #expect(result.status == 1)
            #expect(
                result.errors.contains("process \(process) keeps it busy and is stopped: let it go on, or end it"),
                "\(result.errors)"
            )
        }
    }
}
