import NIOCore
import OCI
import Synchronization

/// The registry's answers to reading requests, as a function of its state.
struct PullEndpoints {
    let store: RegistryStore
    let options: RegistryOptions

    func manifest(_ name: String, _ reference: String) -> Reply {
        let found = store.state.withLock { state -> (Digest, StoredManifest)? in
            guard let repository = state.repositories[name],
                let digest = (try? Digest(reference)) ?? repository.tags[reference],
                let manifest = repository.manifests[digest]
            else { return nil }
            return (digest, manifest)
        }
        guard let (digest, manifest) = found else { return .error(404, "MANIFEST_UNKNOWN", "manifest unknown") }
        var headers: HeaderList = ["Content-Type": manifest.mediaType.description]
        if options.sendsContentDigest { headers["Docker-Content-Digest"] = digest.description }
        if options.sendsETag { headers["ETag"] = "\"\(digest)\"" }
        return Reply(200, headers: headers, body: manifest.bytes)
    }

    func blob(_ name: String, _ text: String, _ request: RecordedRequest) -> Reply {
        guard let digest = try? Digest(text) else { return .error(400, "DIGEST_INVALID") }
        guard let blob = store.state.withLock({ $0.repositories[name]?.blobs[digest] }) else {
            return .error(404, "BLOB_UNKNOWN", "blob unknown to registry")
        }
        var headers: HeaderList = ["Content-Type": "application/octet-stream"]
        if options.sendsContentDigest { headers["Docker-Content-Digest"] = digest.description }
        if options.sendsETag { headers["ETag"] = "\"\(digest)\"" }
        switch blob {
        case .bytes(let source):
            return ranged(Reply(200, headers: headers, body: source), request)
        case .counted(let count):
            headers["Content-Length"] = "\(count)"
            return request.method == "HEAD"
                ? Reply(200, headers: headers) : .error(500, "UNKNOWN", "the bytes of this blob were not kept")
        }
    }

    private func ranged(_ whole: Reply, _ request: RecordedRequest) -> Reply {
        guard options.supportsRange else { return whole }
        var reply = whole
        reply.headers["Accept-Ranges"] = "bytes"
        guard let text = request.headers["range"] else { return reply }
        if let condition = request.headers["if-range"], condition != whole.headers["ETag"] { return reply }
        let total = whole.body.count
        switch ByteRange.parse(text, total: total) {
        case .ignored: return reply
        case .unsatisfiable:
            return Reply(416, headers: ["Content-Range": "bytes */\(total)"])
        case .range(let range):
            reply.status = 206
            reply.headers["Content-Range"] = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(total)"
            reply.body = whole.body.slice(range)
            return reply
        }
    }

    func tags(_ name: String, _ query: QueryItems) -> Reply {
        guard let repository = store.state.withLock({ $0.repositories[name] }) else {
            return .error(404, "NAME_UNKNOWN", "repository name not known to registry")
        }
        var tags = repository.tags.keys.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        if let last = query["last"] { tags.removeAll { !last.utf8.lexicographicallyPrecedes($0.utf8) } }
        let limit = min(query["n"].flatMap { Int($0) } ?? .max, options.pageSize)
        let page = tags.prefix(limit)
        var headers: HeaderList = [:]
        if page.count < tags.count, let last = page.last {
            headers["Link"] = "</v2/\(name)/tags/list?last=\(last)&n=\(limit)>; rel=\"next\""
        }
        let list = JSONText.array(page.map { JSONText.string($0) })
        return .json(200, JSONText.object(["name": JSONText.string(name), "tags": list]), headers: headers)
    }

    func referrers(_ name: String, _ text: String, _ query: QueryItems) -> Reply {
        guard options.referrersAPI else { return .error(404, "UNSUPPORTED", "no referrers API") }
        guard let subject = try? Digest(text) else { return .error(400, "DIGEST_INVALID") }
        let manifests = store.state.withLock { $0.repositories[name]?.manifests ?? [:] }
        let entries = manifests.sorted { $0.key < $1.key }.compactMap { digest, manifest -> String? in
            let shape = ManifestShape(manifest.bytes.buffer)
            guard shape?.subject?.digest == subject.description else { return nil }
            let type = shape?.artifactType ?? shape?.config?.mediaType
            if let wanted = query["artifactType"], wanted != type { return nil }
            return JSONText.object([
                "mediaType": JSONText.string(manifest.mediaType.description),
                "digest": JSONText.string(digest.description),
                "size": "\(manifest.bytes.count)",
                "annotations": JSONText.strings(shape?.annotations ?? [:]),
                "artifactType": type.map { JSONText.string($0) },
            ])
        }
        let type = MediaType.ociIndex.description
        let index = #"{"schemaVersion":2,"mediaType":"\#(type)","manifests":\#(JSONText.array(entries))}"#
        var headers: HeaderList = ["Content-Type": type]
        if query["artifactType"] != nil { headers["OCI-Filters-Applied"] = "artifactType" }
        return .json(200, index, headers: headers)
    }
}
