import NIOCore
import OCI

/// Answers lists of tags and of repositories.
struct ListAnswers: Sendable {
    let content: any ServedContent
    let hosts: KnownHosts
    /// Where a proxy has the server, as it says itself.
    var prefix: String?

    private static let badCount = Response(400, .unsupported, "n must be a whole number")

    func tags(of address: Address, _ target: RequestTarget) async throws -> Response {
        guard let paging = Paging(target) else { return Self.badCount }
        guard let served = try await content.tags(of: address.repository) else {
            return Response(
                404,
                .nameUnknown,
                "there is no repository \(address.repository.description.displaySafe) here"
            )
        }
        var response = list(
            "tags",
            of: served.elements,
            paging,
            target,
            path: NextPage.path(of: address) + "/tags/list",
            before: "\"name\":\(JSONText.quoted(address.name)),"
        )
        if let warning = served.warning { response.fields.append(("Warning", warning)) }
        return response
    }

    /// Every repository with its host in front, or one host's with `ns`.
    func catalog(_ target: RequestTarget) async throws -> Response {
        guard let paging = Paging(target) else { return Self.badCount }
        let repositories = try await content.repositories()
        var names = repositories.map(\.listedName)
        if let namespace = target["ns"] {
            try await hosts.refresh(from: content)
            guard let host = Addressing(hosts: hosts.hosts).known(namespace) else {
                return Response(AddressError.unknownHost(namespace))
            }
            names = repositories.filter { $0.host == host }.map(\.repository.description)
        }
        names.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        var response = list("repositories", of: names, paging, target, path: "/v2/_catalog", before: "")
        if let namespace = target["ns"] { response.fields.append(("OCI-Namespace", namespace)) }
        return response
    }

    private func list(
        _ key: String,
        of names: [some CustomStringConvertible],
        _ paging: Paging,
        _ target: RequestTarget,
        path: String,
        before: String
    ) -> Response {
        let (page, hasMore) = paging.page(of: names)
        var fields: [(name: StaticString, value: String)] = []
        if hasMore, let last = page.last {
            fields.append(("Link", paging.link(path: path, after: "\(last)", target, prefix: prefix)))
        }
        let elements = page.map { JSONText.quoted("\($0)") }.joined(separator: ",")
        return Response(200, fields, json: "{\(before)\"\(key)\":[\(elements)]}\n")
    }
}
