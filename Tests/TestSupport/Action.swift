/// What a ``ScriptedRegistry`` does differently with a request.
///
/// Byte counts are of the answer's body unless something else is said. Actions that end an answer early close its
/// connection. Only `reply`, `replyEarly`, `replyEarlyAndClose` and `resetUpload` keep a request from taking effect:
/// with the others a push, say, is done although its answer is lost or wrong.
package enum Action: Sendable {
    /// Answers this instead; the registry's state stays as it is.
    case reply(Reply)
    /// Answers this before the request's body is read, then reads and drops the body.
    case replyEarly(Reply)
    /// Answers this before the request's body is read, and closes the connection.
    case replyEarlyAndClose(Reply)
    /// Does all of them; of two that exclude each other the later one counts.
    indirect case all([Action])
    /// Asks a closure; `nil` leaves the request to the registry, but the rule counts it all the same.
    case flip(@Sendable (RecordedRequest) -> Action?)

    /// Changes the registry's own answer.
    case edit(@Sendable (inout Reply) -> Void)
    /// Sets a header of the registry's own answer; `nil` removes it.
    case header(String, String?)
    /// Makes the registry forget that a `Range` was asked for.
    case ignoreRange
    /// Makes an upload's `Location` look otherwise.
    case uploadLocation(LocationForm)

    /// Holds the whole answer back until the gate opens.
    case holdHead(Gate)
    /// Resets the connection instead of an answer.
    case resetBeforeHead
    /// Resets the connection after so many bytes.
    case reset(afterBytes: Int)
    /// Closes the connection in the ordinary way after so many bytes: a short body.
    case close(afterBytes: Int)
    /// Flips every bit of one byte.
    case corruptByte(at: Int)
    /// Lets the bytes through as the valve does: `Valve(bytes: k)` stalls after k bytes.
    case trickle(Valve)
    /// Announces another length than that of the body, sends the body and closes the connection.
    case contentLength(Int)
    /// Sends so many bytes more than `Content-Length` announces, and closes the connection.
    case extraBytes(Int)
    /// Resets the connection after so many bytes of the request's body; 0 is at the request's head.
    case resetUpload(afterBytes: Int)
    /// Hangs up on a request whose body is read, without an answer.
    case closeBeforeHead
}

/// The forms in which registries give the place of an upload.
package enum LocationForm: Sendable {
    /// `/v2/…`
    case relative
    /// `http://host:port/v2/…`
    case absolute
    /// `//host:port/v2/…`
    case schemeRelative
    /// A `?_state=…` with characters that must be kept as they are.
    case withQuery
    /// Another server's origin, such as `http://127.0.0.1:5001`.
    case origin(String)
}

extension Action {
    /// Answers with a status.
    package static func status(_ code: Int, headers: HeaderList = [:], body: String = "") -> Action {
        .reply(Reply(code, headers: headers, body: body))
    }

    /// Answers with a status and a registry's error.
    package static func error(_ status: Int, _ code: String, headers: HeaderList = [:]) -> Action {
        .reply(.error(status, code, headers: headers))
    }

    /// Redirects to a URL.
    package static func redirect(_ status: Int = 307, to url: String) -> Action {
        .status(status, headers: ["Location": url])
    }

    /// Redirects to the same path at another origin, with a query as content networks sign them.
    package static func redirect(_ status: Int = 307, toOrigin origin: String) -> Action {
        .flip { .redirect(status, to: origin + $0.path + "?X-Signature=s1gned%2F") }
    }

    /// Answers 200 with a page of HTML, as captive portals do.
    package static let html = Action.status(
        200,
        headers: ["Content-Type": "text/html; charset=utf-8"],
        body: "<!DOCTYPE html><html><title>Please log in</title></html>"
    )

    /// Refuses every request of more than a number of bytes with 413; for a rule with `times: nil`.
    package static func largestRequest(bytes limit: Int) -> Action {
        .flip { request in
            guard let length = request.headers["content-length"].flatMap({ Int($0) }), length > limit else {
                return nil
            }
            return .replyEarly(.error(413, "SIZE_INVALID"))
        }
    }
}

extension LocationForm {
    func apply(to path: String, url: String) -> String {
        switch self {
        case .relative: path
        case .absolute: url + path
        case .schemeRelative: "//" + url.split(separator: "/", maxSplits: 1)[1].drop { $0 == "/" } + path
        case .withQuery: path + "?_state=a%2Fb%3D%3D&x=1+2"
        case .origin(let origin): origin + path
        }
    }
}
