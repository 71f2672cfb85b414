import Glibc
import OCI
import TestSupport
import Testing

/// Credentials that change while the program runs, as a cloud's do every few hours.
@Suite(.timeLimit(.minutes(10)))
struct RotatingSecretTests {
    private static let images = (1...8).map { SampleImage.image(layers: [.init(seed: UInt64($0) + 300, size: 3000)]) }

    /// Runs a body with a registry whose password changes with every twelfth request, and a credential program that
    /// knows the present one.
    private func with(
        _ body: (Workspace, ScriptedRegistry, _ secrets: Watched<Int>) async throws -> Void
    ) async throws {
        try await ScriptedRegistry.with(authentication: .basic(username: "AWS", password: "s3cret-0")) { registry in
            for (number, image) in Self.images.enumerated() {
                registry.load(image, repository: "up/app", tag: try TagName("v\(number)"))
            }
            try await Workspace.with { workspace async throws in
                var workspace = workspace
                let path = workspace.path
                try Files.write("s3cret-0", to: "\(path)/secret")
                try await program(in: path, for: registry)
                workspace.environment["PATH"] = "\(path):/usr/bin:/bin"
                workspace.environment["DOCKER_CONFIG"] = path
                let secrets = Watched(0)
                let answered = Watched(0)
                registry.script(
                    RequestMatch(nil, .any, times: nil),
                    .flip { _ in
                        guard answered.next() % 12 == 0 else { return nil }
                        let secret = "s3cret-\(secrets.next())"
                        // Whoever reads it meanwhile reads the one or the other.
                        try? Files.write(secret, to: "\(path)/secret.new")
                        rename("\(path)/secret.new", "\(path)/secret")
                        registry.authentication = .basic(username: "AWS", password: secret)
                        return nil
                    }
                )
                try await body(workspace, registry, secrets)
            }
        }
    }

    private func program(in path: String, for registry: ScriptedRegistry) async throws {
        let answer = #"echo "{\"Username\":\"AWS\",\"Secret\":\"$(cat '\#(path)/secret')\"}""#
        try Files.write("#!/bin/sh\ncat >/dev/null\n\(answer)\n", to: "\(path)/docker-credential-cloud")
        try await Tool.check("chmod", ["755", "\(path)/docker-credential-cloud"])
        try Files.write(#"{"credHelpers":{"\#(registry.host)":"cloud"}}"#, to: "\(path)/config.json")
    }

    @Test("A sync goes on with each new secret")
    func syncs() async throws {
        try await with { workspace, registry, secrets async throws in
            try await ScriptedRegistry.with { target async throws in
                try workspace.configure(Entry(registry.place("up/app"), to: target.place("down/app"), Entry.all))
                let result = try await workspace.run("sync", "--progress", "none")
                #expect(result.counts == [8, 8, 0, 0], "\(result.errors)")
                #expect(secrets.value >= 2)
                for image in Self.images { #expect(target.store.holds(image, repository: "down/app")) }
            }
        }
    }

    @Test("A server goes on with each new secret")
    func serves() async throws {
        try await with { workspace, registry, secrets async throws in
            try workspace.configure(Entry(registry.place("up/app"), to: "127.0.0.1:1/down", Entry.all))
            try await ServingProgram.with(workspace, ["--pull-through"]) { server in
                let path = "/v2/\(registry.host.name)_\(registry.host.port ?? 0)/up/app"
                for (number, image) in Self.images.enumerated() {
                    let manifest = try await server.client.get("\(path)/manifests/v\(number)")
                    #expect(manifest.body == image.topBytes, "\(manifest.status)")
                    for blob in image.blobs {
                        let answer = try await server.client.get("\(path)/blobs/\(blob.descriptor.digest)")
                        #expect(answer.body == blob.source.buffer, "\(answer.status)")
                    }
                }
            }
            #expect(secrets.value >= 2)
        }
    }
}

extension Watched<Int> {
    fileprivate func next() -> Int {
        update { number in
            number += 1
            return number
        }
    }
}
