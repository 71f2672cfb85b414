import FoundationEssentials

/// A user's name and password as a request carries them (RFC 7617).
struct BasicCredentials: Hashable {
    let user: String
    let password: String

    /// - Returns: `nil` for another scheme, and for what is not base64 of `user:password` in UTF-8.
    init?(_ field: String) {
        let parts = field.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "basic", let data = Data(base64Encoded: String(parts[1])),
            let text = String(validating: data, as: UTF8.self), let colon = text.firstIndex(of: ":")
        else { return nil }
        user = String(text[..<colon])
        password = String(text[text.index(after: colon)...])
    }
}
