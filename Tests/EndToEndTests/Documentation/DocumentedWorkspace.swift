import OCI
import TestSupport

/// A place in which the documentation's command lines find what they speak of: a configuration, a filled cache, keys,
/// and stand-ins for the registries and for other programs.
struct DocumentedWorkspace {
    let guide: GuideMirror
    let configuration: String

    /// Why a line is not run; that the program takes it is tested elsewhere.
    static let reasons: [(part: String, reason: String)] = [
        ("sudo ", "changes the machine"),
        ("import var/dist/image", "needs what 'make image' builds"),
        ("sync --every", "runs until it is stopped"),
        ("import alpine.tar.gz", "needs the archive of another program"),
    ]

    static func isRun(_ command: String) -> Bool {
        !reasons.contains { command.contains($0.part) }
    }

    static func with(_ body: (DocumentedWorkspace) async throws -> Void) async throws {
        try await GuideMirror.with { guide async throws in
            var guide = guide
            guide.workspace.environment["PATH"] = "\(guide.workspace.path)/bin:/usr/bin:/bin"
            let workspace = try DocumentedWorkspace(guide)
            try await workspace.prepare()
            try await body(workspace)
        }
    }

    private init(_ guide: GuideMirror) throws {
        self.guide = guide
        let registries = guide.configuration.split(separator: "\nregistries:")[1].split(separator: "\nregistry:")[0]
        configuration = """
            sync:
              entries:
                - source: docker.io/library/alpine
                  tag_regex: '^3'
                  target: registry.example.com/mirrors/alpine
                  lifecycle: {product: alpine-linux, track: minor}
                - {source: quay.io/prometheus/node-exporter, tag: v1.9.1, target: registry.example.com/mirrors/node-exporter}
                - {source: quay.io/team/app, tag_regex: ., target: registry.example.com/mirrors/app}
            registries:\(registries)
            lifecycle:
              eol_url: \(guide.service.url)
            """ + "\n"
    }

    private func prepare() async throws {
        for tag in ["2.0", "v2.1", "v2.2-rc1"] as [TagName] {
            guide.quay.load(.image(labels: ["tag": "\(tag)"]), repository: "team/app", tag: tag)
        }
        let certificates = try await TestCertificates.shared()
        for name in ["cert.pem", "server.pem"] { try write(Files.text(certificates.server.certificateFile), name) }
        for name in ["key.pem", "server.key"] { try write(Files.text(certificates.server.keyFile), name) }
        try write(Files.text(certificates.authorityFile), "harbor-ca.pem")
        // Of the password 'secret'.
        try write("nodes:$2y$05$55D424h7jEfQUdqwcEQ3ROlJCyruMDSz97c8FUDdFpEHqoujpn4em\n", "users")
        try write(Self.regsync, "regsync.yml")
        try Files.makeDirectory("\(path)/bin")
        try write("#!/bin/sh\necho '\(Self.deployment)'\n", "bin/helm")
        try write("#!/bin/sh\nshift; exec \"$@\"\n", "bin/ssh")
        try write("#!/bin/sh\n", "notify-team.sh")
        _ = try await guide.workspace.shell("chmod +x bin/* notify-team.sh; ln -s \"$imglife\" bin/imglife")
        try restore()
    }

    private static let regsync = """
        version: 1
        sync:
          - {source: 'alpine:3.21', target: 'registry.example.com/mirrors/alpine:3.21', type: image}

        """

    private static let deployment =
        #"{"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"image": "quay.io/team/app:v2.1"}]}}"#

    private var path: String { guide.workspace.path }

    private func write(_ text: String, _ name: String) throws { try Files.write(text, to: "\(path)/\(name)") }

    /// Puts the configuration back, in place of one that a command line has made.
    func restore() throws { try guide.workspace.configure(configuration) }

    /// Runs a line as somebody would who has read the page, with nothing else than its absolute paths changed.
    func run(_ command: String) async throws -> ToolResult {
        // A first file is made where there is none.
        if command.contains("imglife init") { try Files.remove("\(path)/imglife.yaml") }
        // A page may show several ways to make the same archive.
        if command.contains("imglife export") { try? Files.remove("\(path)/bundle.tar") }
        let result = try await guide.workspace.shell(command.replacing("/var/cache/imglife", with: "var/cache"))
        guard command.contains("imglife init") || command.contains("> imglife.yaml") else { return result }
        let check = try await guide.workspace.run("--check")
        try restore()
        return result.status == 0 ? check : result
    }

    /// Serves as a line says, at a free port, and asks for what everybody may see.
    func serve(_ command: String) async throws -> Int {
        let bare = command.split(separator: "#")[0].replacing(#/--listen +[^ ]+/#, with: "")
            .replacing("/var/cache/imglife", with: "var/cache")
        let words = bare.split(separator: " ").drop { $0 != "imglife" }.dropFirst().filter { $0 != "serve" }
        return try await ServingProgram.with(guide.workspace, words.map(String.init)) { serving async throws in
            serving.log.count { $0.contains("listening") }
        }
    }
}
