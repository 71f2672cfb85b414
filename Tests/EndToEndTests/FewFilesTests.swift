import OCI
import TestSupport
import Testing

/// Runs that may open only a few files.
@Suite(.timeLimit(.minutes(10)))
struct FewFilesTests {
    @Test("With few files to open a run takes longer, and is complete", arguments: [48, 64])
    func sync(limit: Int) async throws {
        try await ScriptedRegistry.with { registry async throws in
            var options = registry.options
            options.mounts = false
            registry.options = options
            let layers = (1...40).map { SampleImage.Layer(seed: UInt64($0), size: 20_000) }
            let image = SampleImage.image(layers: layers)
            registry.load(image, repository: "up/app", tag: "1")
            try await Workspace.with { workspace async throws in
                try workspace.configure(Entry(registry.place("up/app"), to: registry.place("down/app"), "tag: '1'"))
                let command = "ulimit -n \(limit); exec \"$imglife\" sync --progress none"
                let result = try await workspace.shell(command)
                #expect(result.status == 0, "\(result.output)\(result.errors)")
                #expect(registry.store.digest(of: "1", in: "down/app") == image.digest)
                #expect(try CacheFiles(path: workspace.cache).wrongBlobs() == [])
            }
        }
    }

    @Test(
        "However few files may be open, no program that is to be started ends the run",
        arguments: [28, 32, 36, 40, 44, 48]
    )
    func programs(limit: Int) async throws {
        try await Mirror.with(.image()) { mirror async throws in
            mirror.upstream.authentication = .basic(username: "u", password: "p")
            var workspace = mirror.workspace
            try await workspace.useCredentialProgram("#!/bin/sh\necho '{\"Username\": \"u\", \"Secret\": \"p\"}'\n")
            let entry = Entry(mirror.upstream.place("up/app"), to: mirror.target.place("down/app"), "tag: '1'")
            try workspace.configure("sync:\n  hooks: {post_sync: [{cmd: 'echo done'}]}\n  entries:\n" + entry.text)
            let result = try await workspace.shell("ulimit -n \(limit); exec \"$imglife\" sync --progress none")
            #expect(result.status <= 1, "\(result.errors)")
            #expect(result.status == 0 || result.errors.contains("raise the limit on open files (ulimit -n)"))
        }
    }
    @Test("With fewer files than any command needs it says so, and how to have more", arguments: [10, 14, 23])
    func tooFew(limit: Int) async throws {
        try await Workspace.with { workspace async throws in
            let result = try await workspace.shell("ulimit -n \(limit); exec \"$imglife\" version")
            #expect(result.status == 1)
            let words = "imglife needs 24 open files, and may have \(limit): raise the limit (ulimit -n)"
            #expect(result.errors == "error: \(words)\n")
        }
    }
}
