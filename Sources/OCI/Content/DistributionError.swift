package import NIOCore

/// One error of a registry's answer: `{"errors": [{"code": …, "message": …}]}`.
///
/// OCI distribution-spec 1.1.1, "Error codes". Remote text: shown only through ``description``, which makes it safe.
package struct DistributionError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The codes of the specification, and those that registries add and clients must know.
    package enum Code: String, Sendable {
        case blobUnknown = "BLOB_UNKNOWN"
        case blobUploadInvalid = "BLOB_UPLOAD_INVALID"
        case blobUploadUnknown = "BLOB_UPLOAD_UNKNOWN"
        case digestInvalid = "DIGEST_INVALID"
        case manifestBlobUnknown = "MANIFEST_BLOB_UNKNOWN"
        case manifestInvalid = "MANIFEST_INVALID"
        case manifestUnknown = "MANIFEST_UNKNOWN"
        case nameInvalid = "NAME_INVALID"
        case nameUnknown = "NAME_UNKNOWN"
        case sizeInvalid = "SIZE_INVALID"
        case unauthorized = "UNAUTHORIZED"
        case denied = "DENIED"
        case unsupported = "UNSUPPORTED"
        case tooManyRequests = "TOOMANYREQUESTS"
        case unknown = "UNKNOWN"
    }

    /// `nil` for a code that is not in ``Code``.
    package let code: Code?
    package let rawCode: String
    package let message: String
    /// What some registries say beside the message, and often only there; may be empty.
    package let detail: String

    package init(code: Code, message: String) {
        self.code = code
        self.rawCode = code.rawValue
        self.message = message
        self.detail = ""
    }

    /// What gateways and token services say in forms of their own.
    private init?(informal root: JSONValue) {
        let keys = [
            "message", "error_description", "error_message", "details", "detail", "error", "msg", "Message", "reason",
            "title",
        ]
        guard let text = root.string ?? keys.lazy.compactMap({ root[$0].map(Self.text) }).first(where: { !$0.isEmpty })
        else {
            return nil
        }
        self.code = nil
        self.rawCode = ""
        self.message = text
        self.detail = ""
    }

    /// One of a list; some leave the code out, or say it in a text alone.
    private init?(_ value: JSONValue) {
        rawCode = value["code"]?.string ?? ""
        code = Code(rawValue: rawCode.uppercased())
        message = value["message"]?.string ?? value.string ?? ""
        detail = value["detail"].map(Self.text) ?? ""
        guard !rawCode.isEmpty || !message.isEmpty else { return nil }
    }

    /// What is no JSON: the first line, where it is meant to be read.
    private init?(plain body: ByteBuffer) {
        let line = String(buffer: body).split(whereSeparator: \.isNewline).first ?? ""
        guard let first = line.first, first.isLetter || first.isNumber else { return nil }
        (code, rawCode, message, detail) = (nil, "", String(line), "")
    }

    /// A detail in one line: a text, an object's message, or its members.
    private static func text(_ value: JSONValue) -> String {
        if let text = value.string { return text }
        if let text = ["message", "reason", "error"].lazy.compactMap({ value[$0]?.string }).first { return text }
        let members = (value.members ?? []).prefix(8).compactMap { member in
            let text = text(member.value)
            return text.isEmpty ? nil : "\(member.key): \(text)"
        }
        return (members + (value.elements ?? []).prefix(8).map(text)).filter { !$0.isEmpty }.joined(separator: ", ")
    }

    package var description: String {
        [rawCode, message].filter { !$0.isEmpty }.map(\.displaySafe).joined(separator: ": ")
    }

    /// The errors in a body; empty when it holds none, which is not an error itself.
    package static func parse(_ body: ByteBuffer) -> [DistributionError] {
        guard let root = try? JSONValue(parsing: body) else {
            return [DistributionError(plain: body)].compactMap(\.self)
        }
        let list = root["errors"].map { $0.elements ?? [$0] } ?? root.elements ?? []
        let errors = list.prefix(8).compactMap(DistributionError.init(_:))
        return errors.isEmpty ? [DistributionError(informal: root)].compactMap(\.self) : errors
    }
}
