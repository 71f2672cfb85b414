import NIOCore
import OCI
import Synchronization

/// The registry's answers to writing requests, as a function of its state.
struct PushEndpoints {
    let store: RegistryStore
    let options: RegistryOptions

    func open(_ name: String, _ query: QueryItems, _ body: ByteBuffer) -> Reply {
        if options.mounts, let text = query["mount"], let digest = try? Digest(text), let from = query["from"],
            mount(digest, from: from, to: name)
        {
            return created("/v2/\(name)/blobs/\(digest)", digest)
        }
        let id = store.state.withLock { state in
            state.nextUpload += 1
            let id = "upload-\(state.nextUpload)"
            state.uploads[id] = Upload(repository: name, keepsBytes: options.keepsUploadedBytes)
            return id
        }
        if options.takesWholeUploads, query["digest"] != nil {
            store.state.withLock { $0.uploads[id]?.append(body) }
            return finish(name, id, query)
        }
        var range = "0-0"
        if options.keepsOffered, body.readableBytes > 0 {
            store.state.withLock { $0.uploads[id]?.append(body) }
            if options.tellsOffered { range = "0-\(body.readableBytes - 1)" }
        }
        var headers = progress(name, id, range: range)
        if let minimum = options.minimumChunk { headers["OCI-Chunk-Min-Length"] = "\(minimum)" }
        return Reply(202, headers: headers)
    }

    private func mount(_ digest: Digest, from: String, to name: String) -> Bool {
        store.state.withLock { state in
            guard let blob = state.repositories[from]?.blobs[digest] else { return false }
            state.repositories[name, default: .init()].blobs[digest] = blob
            return true
        }
    }

    /// Refuses a PATCH or PUT before its body is taken; `nil` when it may come.
    func refusal(_ name: String, _ id: String, _ request: RecordedRequest) -> Reply? {
        guard let upload = store.state.withLock({ $0.uploads[id] }), upload.repository == name else {
            return .error(404, "BLOB_UPLOAD_UNKNOWN")
        }
        guard let text = request.headers["content-range"] else { return nil }
        let parts = text.split(separator: "-").compactMap { Int($0) }
        guard parts.count == 2, parts[0] <= parts[1] else { return .error(400, "BLOB_UPLOAD_INVALID") }
        guard parts[0] == upload.count else {
            return .error(416, "BLOB_UPLOAD_INVALID", headers: progress(name, id, range: upload.range))
        }
        return nil
    }

    func status(_ name: String, _ id: String) -> Reply {
        guard let upload = store.state.withLock({ $0.uploads[id] }), upload.repository == name else {
            return .error(404, "BLOB_UPLOAD_UNKNOWN")
        }
        return Reply(204, headers: progress(name, id, range: upload.range))
    }

    func patched(_ name: String, _ id: String) -> Reply {
        var reply = status(name, id)
        if reply.status == 204 { reply.status = 202 }
        return reply
    }

    func cancel(_ id: String) -> Reply {
        let upload = store.state.withLock { $0.uploads.removeValue(forKey: id) }
        return upload == nil ? .error(404, "BLOB_UPLOAD_UNKNOWN") : Reply(204)
    }

    func finish(_ name: String, _ id: String, _ query: QueryItems) -> Reply {
        guard let digest = query["digest"].flatMap({ try? Digest($0) }) else { return .error(400, "DIGEST_INVALID") }
        guard let upload = store.state.withLock({ $0.uploads[id] }) else { return .error(404, "BLOB_UPLOAD_UNKNOWN") }
        guard upload.digest(digest.algorithm) == digest else {
            store.state.withLock { $0.uploads[id] = nil }
            return .error(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        }
        store.state.withLock { state in
            state.uploads[id] = nil
            state.repositories[name, default: .init()].blobs[digest] = upload.content
        }
        return created("/v2/\(name)/blobs/\(digest)", digest)
    }

    func manifest(_ name: String, _ reference: String, _ request: RecordedRequest, _ body: ByteBuffer) -> Reply {
        guard let shape = ManifestShape(body) else { return .error(400, "MANIFEST_INVALID") }
        let named = try? Digest(reference)
        let digest = Digest.of(body, algorithm: named?.algorithm ?? .sha256)
        guard named == nil || named == digest else { return .error(400, "DIGEST_INVALID") }
        guard named != nil || (try? TagName(reference)) != nil else { return .error(400, "TAG_INVALID") }
        if options.requiresChildren, let missing = missing(shape, in: name) {
            return .error(400, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry: \(missing)")
        }
        let type = request.headers["content-type"] ?? shape.mediaType ?? ""
        guard let mediaType = try? MediaType(type) else { return .error(400, "MANIFEST_INVALID") }
        store.state.withLock { state in
            let stored = StoredManifest(mediaType: mediaType, bytes: ByteSource(body))
            state.repositories[name, default: .init()].manifests[digest] = stored
            if named == nil { state.repositories[name]?.tags[reference] = digest }
        }
        var reply = created("/v2/\(name)/manifests/\(digest)", digest)
        if options.referrersAPI, let subject = shape.subject { reply.headers["OCI-Subject"] = subject.digest }
        return reply
    }

    private func missing(_ shape: ManifestShape, in name: String) -> String? {
        store.state.withLock { state in
            let repository = state.repositories[name] ?? .init()
            let blobs = ([shape.config].compactMap(\.self) + (shape.layers ?? [])).map(\.digest)
            let known = Set(repository.blobs.keys.map(\.description))
            let manifests = Set(repository.manifests.keys.map(\.description))
            return blobs.first { !known.contains($0) }
                ?? shape.manifests?.map(\.digest).first { !manifests.contains($0) }
        }
    }

    private func created(_ location: String, _ digest: Digest) -> Reply {
        var reply = Reply(201, headers: ["Location": location])
        if options.sendsContentDigest { reply.headers["Docker-Content-Digest"] = digest.description }
        return reply
    }

    private func progress(_ name: String, _ id: String, range: String) -> HeaderList {
        ["Location": "/v2/\(name)/blobs/uploads/\(id)", "Docker-Upload-UUID": id, "Range": range]
    }
}
