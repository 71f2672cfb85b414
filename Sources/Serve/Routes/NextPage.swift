import OCI

/// Where the rest of a list is.
enum NextPage {
    /// The value of a `Link` header field to it.
    ///
    /// A whole path, below what a proxy says that it has taken away: clients of containers/image, Harbor and oras-py take
    /// the reference for one, whatever RFC 3986, 5.2, makes of it.
    ///
    /// - Parameters:
    ///   - path: of the list here.
    ///   - fields: of the query.
    ///   - prefix: `X-Forwarded-Prefix`, which counts where it is a path.
    /// - Returns: the value.
    static func link(path: String, _ fields: [(name: String, value: String)], prefix: String?) -> String {
        let query = fields.map { "\($0.name)=\(PercentEncoding.encoded($0.value))" }.joined(separator: "&")
        return "<\(self.prefix(prefix) ?? "")\(path)?\(query)>; rel=\"next\""
    }

    /// The path of a repository, by the name by which it was asked for.
    static func path(of address: Address) -> String {
        "/v2/" + address.name.split(separator: "/").map(PercentEncoding.encoded).joined(separator: "/")
    }

    private static func prefix(_ text: String?) -> String? {
        guard let text, text.first == "/", !text.hasPrefix("//"), text.utf8.count <= 256,
            text.split(separator: "/").allSatisfy({ PercentEncoding.encoded($0) == $0 })
        else { return nil }
        return text.last == "/" ? String(text.dropLast()) : text
    }
}
