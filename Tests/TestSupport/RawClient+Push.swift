package import OCI

extension RawClient {
    /// Pushes an image: blobs, then manifests, children first, then the tag.
    package func push(_ image: SampleImage, to repository: RepositoryName, tag: TagName? = nil) async throws {
        for blob in image.blobs {
            try await push(blob.source, blob.descriptor, to: repository)
        }
        for manifest in image.manifests {
            try await push(manifest, to: repository, as: manifest.descriptor.digest.description)
        }
        if let tag, let top = image.manifests.last {
            try await push(top, to: repository, as: tag.description)
        }
    }

    private func push(_ source: ByteSource, _ descriptor: Descriptor, to repository: RepositoryName) async throws {
        let opened = try await request("POST", "/v2/\(repository)/blobs/uploads/")
        guard opened.status == 202, let location = opened.headers["location"] else { throw failure("POST", opened) }
        let path =
            location.hasPrefix("/")
            ? location : "/" + location.split(separator: "/").dropFirst(2).joined(separator: "/")
        let separator = path.contains("?") ? "&" : "?"
        let done = try await request(
            "PUT",
            "\(path)\(separator)digest=\(descriptor.digest)",
            ["Content-Type": "application/octet-stream"],
            body: source
        )
        guard done.status == 201 else { throw failure("PUT blob", done) }
    }

    private func push(_ manifest: SampleImage.Part, to repository: RepositoryName, as reference: String) async throws {
        let answer = try await request(
            "PUT",
            "/v2/\(repository)/manifests/\(reference)",
            ["Content-Type": manifest.descriptor.mediaType.description],
            body: manifest.source
        )
        guard answer.status == 201 else { throw failure("PUT manifest", answer) }
    }

    private func failure(_ what: String, _ answer: RawAnswer) -> ToolError {
        ToolError(description: "\(what) at \(host): \(answer.status) \(answer.text) \(answer.error ?? "")")
    }
}
