import Cache
import NIOCore
import OCI

/// What is answered to a request.
struct Response: Sendable {
    /// The bytes after the head.
    enum Body: Sendable {
        case bytes(ByteBuffer)
        /// A part of a file whose bytes are known to be right.
        case file(BlobFile, Range<Int64>)
        /// A part of a blob that a task reads: it may still be arriving, or has to be hashed on the way.
        case arriving(any BlobReader, Range<Int64>)

        /// In bytes.
        var length: Int64 {
            switch self {
            case .bytes(let buffer): Int64(buffer.readableBytes)
            case .file(_, let range), .arriving(_, let range): Int64(range.count)
            }
        }

        /// The part of the blob.
        var range: Range<Int64> {
            switch self {
            case .bytes(let buffer): 0..<Int64(buffer.readableBytes)
            case .file(_, let range), .arriving(_, let range): range
            }
        }
    }

    var status: Int
    /// Names and values, safe to write as they are.
    var fields: [(name: StaticString, value: String)] = []
    var body: Body?
    /// What `Content-Length` says; `nil` where there must be none.
    var length: Int64?

    init(_ status: Int, _ fields: [(name: StaticString, value: String)] = [], body: Body? = nil) {
        self.status = status
        self.fields = fields
        self.body = body
        length = status == 304 ? nil : body?.length ?? 0
    }

    init(_ status: Int, _ fields: [(name: StaticString, value: String)] = [], json: String) {
        let type: [(name: StaticString, value: String)] =
            fields.contains { $0.name.description == "Content-Type" } ? [] : [("Content-Type", "application/json")]
        self.init(status, type + fields, body: .bytes(ByteBuffer(string: json)))
    }

    /// An error as clients of registries read it.
    ///
    /// OCI distribution-spec 1.1.1, "Error codes".
    init(
        _ status: Int,
        _ code: DistributionError.Code,
        _ message: String,
        _ fields: [(name: StaticString, value: String)] = []
    ) {
        self.init(
            status,
            fields,
            json:
                "{\"errors\":[{\"code\":\"\(code.rawValue)\",\"message\":\(JSONText.quoted(message)),\"detail\":{}}]}\n"
        )
    }

    /// The answer to a request that could not be understood.
    init(_ refused: RefusedRequest) {
        self.init(refused.status, .unsupported, refused.message)
    }
}

extension ByteBuffer {
    /// A part of it, as one of a file.
    func part(_ range: Range<Int64>) -> ByteBuffer {
        getSlice(at: readerIndex + Int(range.lowerBound), length: range.count) ?? ByteBuffer()
    }
}
