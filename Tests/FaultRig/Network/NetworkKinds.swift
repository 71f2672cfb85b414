import NIOCore
import TestSupport

/// One kind of what a registry, or the network before it, does wrong.
struct NetworkKind: Sendable {
    let name: String
    /// Whether it goes away: then the operation must succeed.
    let isTransient: Bool
    /// Whether it is a lie that nobody can see: that something has been stored.
    var saysStored = false
    /// Whether it happens at a place within a body.
    var hasOffsets = false
    let action: @Sendable (_ offset: Int) -> Action
}

extension NetworkKind {
    static let all = transientStatuses + transientBreaks + finalStatuses + finalBreaks + nonsense

    private static let transientStatuses: [NetworkKind] =
        [408, 425, 429, 499, 500, 502, 503, 504, 520, 521, 522, 523, 524, 530].map { status in
            NetworkKind(name: "\(status) for a moment", isTransient: true) { _ in .status(status) }
        }
        + [429, 503].flatMap { status in
            ["0", "2", "-1", "soon", "4102444800"].map { time in
                NetworkKind(name: "\(status) with Retry-After \(time)", isTransient: time != "4102444800") { _ in
                    .status(status, headers: ["Retry-After": time])
                }
            }
        } + [
            NetworkKind(name: "400 TOOMANYREQUESTS", isTransient: true) { _ in .error(400, "TOOMANYREQUESTS") },
            NetworkKind(name: "403 TOOMANYREQUESTS", isTransient: true) { _ in .error(403, "TOOMANYREQUESTS") },
        ]

    private static let transientBreaks: [NetworkKind] = [
        NetworkKind(name: "reset before the answer", isTransient: true) { _ in .resetBeforeHead },
        NetworkKind(name: "closed before the answer", isTransient: true) { _ in .closeBeforeHead },
        NetworkKind(name: "reset within the request", isTransient: true, hasOffsets: true) {
            .resetUpload(afterBytes: $0)
        },
        NetworkKind(name: "refused early and closed", isTransient: true) { _ in .replyEarlyAndClose(Reply(503)) },
        NetworkKind(name: "answer reset", isTransient: true, hasOffsets: true) { .reset(afterBytes: $0) },
        NetworkKind(name: "answer closed", isTransient: true, hasOffsets: true) { .close(afterBytes: $0) },
    ]

    private static let finalStatuses: [NetworkKind] =
        [
            204, 206, 304, 400, 401, 402, 403, 404, 405, 406, 409, 410, 411, 412, 413, 414, 415, 416, 418, 421, 422,
            426,
            428, 431, 451, 500, 501, 502, 503, 504, 505, 507, 508, 511, 599,
        ].map { status in
            NetworkKind(name: "\(status) always", isTransient: false, saysStored: status == 204) { _ in .status(status)
            }
        }
        + [
            "UNAUTHORIZED", "DENIED", "NAME_UNKNOWN", "MANIFEST_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_INVALID",
            "BLOB_UPLOAD_INVALID", "UNKNOWN", "TOOMANYREQUESTS", "MANIFEST_BLOB_UNKNOWN", "SIZE_INVALID",
        ].map { code in
            NetworkKind(name: "400 \(code) always", isTransient: false) { _ in .error(400, code) }
        }

    private static let finalBreaks: [NetworkKind] = [
        NetworkKind(name: "always reset", isTransient: false) { _ in .resetBeforeHead },
        NetworkKind(name: "always closed", isTransient: false) { _ in .closeBeforeHead },
        NetworkKind(name: "answers always cut", isTransient: false, hasOffsets: true) { .close(afterBytes: $0) },
        NetworkKind(name: "in a circle", isTransient: false) { _ in .flip { .redirect(to: $0.uri) } },
        NetworkKind(name: "to nowhere", isTransient: false) { _ in .redirect(to: "http://127.0.0.1:1/v2/") },
        NetworkKind(name: "to another protocol", isTransient: false) { _ in .redirect(to: "ftp://127.0.0.1/x") },
        NetworkKind(name: "to no address", isTransient: false) { _ in .redirect(to: "http://[/") },
    ]

    private static let nonsense: [NetworkKind] = [
        NetworkKind(name: "a web page", isTransient: false) { _ in .html },
        NetworkKind(name: "a wrong byte", isTransient: false, hasOffsets: true) { .corruptByte(at: $0) },
        NetworkKind(name: "too long", isTransient: false) { _ in .extraBytes(100) },
        NetworkKind(name: "said to be longer", isTransient: false) { _ in .contentLength(1 << 20) },
        NetworkKind(name: "empty", isTransient: false) { _ in .edit { $0.body = ByteSource(ByteBuffer()) } },
        NetworkKind(name: "JSON of another kind", isTransient: false, saysStored: true) { _ in
            .reply(.json(200, #"{"a":[1]}"#))
        },
        NetworkKind(name: "no JSON", isTransient: false, saysStored: true) { _ in .status(200, body: "{\"tags\":[\"") },
        NetworkKind(name: "another digest", isTransient: false) { _ in
            .header("Docker-Content-Digest", "sha256:" + String(repeating: "0", count: 64))
        },
        NetworkKind(name: "a place at no address", isTransient: false) { _ in .header("Location", "http://[/") },
        NetworkKind(name: "another type", isTransient: false) { _ in .header("Content-Type", "image/png") },
        NetworkKind(name: "a part of another range", isTransient: false) { _ in
            .all([.edit { $0.status = 206 }, .header("Content-Range", "bytes 7-9/100")])
        },
    ]
}
