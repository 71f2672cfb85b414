import NIOCore
import OCI

/// Answers requests for manifests, by tag or digest.
struct ManifestAnswers: Sendable {
    let content: any ServedContent

    func manifest(_ text: String, of address: Address, _ request: RequestHead) async throws -> Response {
        let reference: Reference
        if text.contains(":") {
            guard let digest = try? Digest(text) else { return .invalidDigest(text) }
            reference = .digest(digest)
        } else {
            // The conformance suite asks for a tag outside of the grammar, and wants to hear that it does not exist.
            guard let tag = try? TagName(text) else { return Self.manifestUnknown(text, address) }
            reference = .tag(tag)
        }
        guard let served = try await content.manifest(reference, of: address.repository) else {
            return Self.manifestUnknown(text, address)
        }
        if request.method == .head,
            !(try await content.canServe(served.manifest, by: reference, of: address.repository))
        {
            return Self.manifestUnknown(text, address)
        }
        return answer(served, reference, request)
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
            ("Cache-Control", isByDigest ? Response.immutable : "no-cache"),
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
