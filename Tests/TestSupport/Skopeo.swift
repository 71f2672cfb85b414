package import NIOCore

/// The `skopeo` program, as an independent client.
package enum Skopeo {
    /// Runs it to its end; any exit status is a result.
    package static func run(_ arguments: [String]) async throws -> ToolResult {
        try await Tool.run("skopeo", ["--insecure-policy"] + arguments)
    }

    /// Copies with all platforms and digests; an exit status other than 0 is an error.
    ///
    /// References as skopeo writes them, such as `docker://127.0.0.1:5000/a:b` or `dir:/tmp/a`.
    package static func copy(_ source: String, _ target: String, options: [String] = []) async throws {
        let common = ["--insecure-policy", "copy", "--all", "--preserve-digests"]
        let plain = ["--src-tls-verify=false", "--dest-tls-verify=false"]
        try await Tool.check("skopeo", common + plain + options + [source, target])
    }

    /// The exact bytes of a manifest or index.
    package static func inspectRaw(_ reference: String, options: [String] = []) async throws -> ByteBuffer {
        let result = try await Tool.check("skopeo", ["inspect", "--raw", "--tls-verify=false"] + options + [reference])
        return ByteBuffer(bytes: result.stdout)
    }
}
