import NIOCore
import OCI

/// Answers what refers to a manifest.
struct ReferrerAnswers: Sendable {
    let content: any ServedContent
    /// Where a proxy has the server, as it says itself.
    var prefix: String?

    /// The largest list in one answer, in bytes: what clients take as a manifest.
    private static let maximumList = Manifest.maximumSize

    /// What refers to a manifest; an empty list for one that nobody knows.
    ///
    /// OCI distribution-spec 1.1.1, "Listing Referrers".
    func referrers(of text: String, in address: Address, _ target: RequestTarget) async throws -> Response {
        guard let digest = try? Digest(text) else { return .invalidDigest(text) }
        let type = target["artifactType"]
        let served = try await content.referrers(of: digest, in: address.repository, artifactType: type)
        var referrers = served.elements
        var fields: [(name: StaticString, value: String)] = [("Content-Type", MediaType.ociIndex.description)]
        if let warning = served.warning { fields.append(("Warning", warning)) }
        if type != nil { fields.append(("OCI-Filters-Applied", "artifactType")) }
        if let last = target["last"], let index = referrers.firstIndex(where: { "\($0.descriptor.digest)" == last }) {
            referrers.removeSubrange(...index)
        }
        var json = "{\"schemaVersion\":2,\"mediaType\":\"\(MediaType.ociIndex)\",\"manifests\":["
        var listed: Digest?
        for referrer in referrers {
            let entry = Self.entry(referrer)
            if let listed, json.utf8.count + entry.utf8.count > Self.maximumList {
                fields.append(("Link", link(digest, address, after: listed, target)))
                break
            }
            json += (listed == nil ? "" : ",") + entry
            listed = referrer.descriptor.digest
        }
        return Response(200, fields, json: json + "]}\n")
    }

    private static func entry(_ referrer: ReferrerEntry) -> String {
        let descriptor = referrer.descriptor
        var members = [
            "\"mediaType\":\(JSONText.quoted(descriptor.mediaType.description))",
            "\"digest\":\"\(descriptor.digest)\"",
            "\"size\":\(descriptor.size)",
        ]
        if let type = referrer.artifactType { members.append("\"artifactType\":\(JSONText.quoted(type))") }
        if !referrer.annotations.isEmpty {
            let pairs = referrer.annotations.sorted { $0.key < $1.key }
                .map { "\(JSONText.quoted($0.key)):\(JSONText.quoted($0.value))" }
            members.append("\"annotations\":{\(pairs.joined(separator: ","))}")
        }
        return "{\(members.joined(separator: ","))}"
    }

    private func link(
        _ digest: Digest,
        _ address: Address,
        after last: Digest,
        _ target: RequestTarget
    ) -> String {
        var fields: [(name: String, value: String)] = [("last", last.description)]
        for parameter in ["artifactType", "ns"] {
            if let value = target[parameter] { fields.append((parameter, value)) }
        }
        return NextPage.link(path: "\(NextPage.path(of: address))/referrers/\(digest)", fields, prefix: prefix)
    }
}
