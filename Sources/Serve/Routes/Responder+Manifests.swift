import NIOCore
import OCI

extension Responder {
    func manifest(_ text: String, of address: Address, _ request: RequestHead) async throws -> Response {
        let reference: Reference
        if text.contains(":") {
            guard let digest = try? Digest(text) else { return Self.invalidDigest(text) }
            reference = .digest(digest)
        } else {
            // The conformance suite asks for a tag outside of the grammar, and wants to hear that it does not exist.
            guard let tag = try? TagName(text) else { return Self.manifestUnknown(text, address) }
            reference = .tag(tag)
        }
        guard let served = try await content.manifest(reference, of: address.repository) else {
            return Self.manifestUnknown(text, address)
        }
        return answer(served, reference, request)
    }

    /// - Returns: `nil` for a digest and for what may be a tag.
    static func digestRefusal(_ text: String) -> Response? {
        guard text.contains(":"), (try? Digest(text)) == nil else { return nil }
        return invalidDigest(text)
    }

    static func invalidDigest(_ text: String) -> Response {
        Response(400, .digestInvalid, "'\(text.displaySafe)' is not a digest such as sha256:<64 hex digits>")
    }

    private func answer(_ served: ServedManifest, _ reference: Reference, _ request: RequestHead) -> Response {
        let descriptor = served.manifest.descriptor
        let tag = EntityTag(descriptor.digest)
        var isByDigest = false
        if case .digest = reference { isByDigest = true }
        var fields: [(name: StaticString, value: String)] = [
            ("Content-Type", descriptor.mediaType.description),
            ("Docker-Content-Digest", descriptor.digest.description),
            ("ETag", tag.description),
            ("Cache-Control", isByDigest ? Self.immutable : "no-cache"),
            ("X-Content-Type-Options", "nosniff"),
        ]
        if let warning = served.warning { fields.append(("Warning", warning)) }
        if tag.matches(request.fields.ifNoneMatch) { return Response(304, fields) }
        return Response(200, fields, body: .bytes(served.manifest.bytes))
    }

    private static func manifestUnknown(_ text: String, _ address: Address) -> Response {
        Response(
            404,
            .manifestUnknown,
            "there is no manifest '\(text.displaySafe)' of \(address.repository.description.displaySafe) here"
        )
    }
}
