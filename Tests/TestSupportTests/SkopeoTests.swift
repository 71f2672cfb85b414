import OCI
import TestSupport
import Testing

@Suite(.requires(.tool("skopeo")), .timeLimit(.minutes(10)))
struct SkopeoTests {
    @Test("skopeo pushes to and pulls from the scripted registry without a byte's change", arguments: [true, false])
    func roundTrip(docker: Bool) async throws {
        let image = SampleImage.multiPlatform(docker ? .docker : .oci)
        try await TemporaryDirectory.with { directory in
            try await ScriptedRegistry.with { registry async throws in
                registry.load(image, repository: "a/b", tag: "1")
                try await Skopeo.copy("docker://\(registry.host)/a/b:1", "dir:\(directory)/first")
                try await Skopeo.copy("dir:\(directory)/first", "docker://\(registry.host)/c:2")
                #expect(registry.store.holds(image, repository: "c"))
                #expect(try await Skopeo.inspectRaw("docker://\(registry.host)/c:2") == image.topBytes)
                try await Skopeo.copy("docker://\(registry.host)/c:2", "dir:\(directory)/second")
            }
            let names = try Files.tree("\(directory)/first")
            #expect(names.count == image.blobs.count + image.manifests.count + 1)
            #expect(try Files.tree("\(directory)/second") == names)
            for name in names {
                #expect(try Files.read("\(directory)/first/\(name)") == Files.read("\(directory)/second/\(name)"))
            }
        }
    }

    @Test("skopeo gets through a bearer challenge")
    func bearer() async throws {
        let image = SampleImage.image()
        let issuer = TokenIssuer(accounts: ["me": "pw"])
        try await ScriptedRegistry.with(authentication: .bearer(issuer)) { registry async throws in
            registry.load(image, repository: "a", tag: "1")
            let login = ["--src-creds", "me:pw", "--dest-creds", "me:pw"]
            let reference = "docker://\(registry.host)/a:1"
            try await Skopeo.copy(reference, "docker://\(registry.host)/b:1", options: login)
            #expect(registry.store.holds(image, repository: "b"))
            #expect(!issuer.issuedTokens.isEmpty)
        }
    }
}
