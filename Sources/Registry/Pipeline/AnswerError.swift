import NIOCore
package import OCI

extension RegistryError {
    static let webPage = "the answer is a web page; a proxy or a login page may stand between"

    /// What an answer other than those asked for means; secrets that it repeats are not shown.
    init(_ response: HTTPResponse, _ context: CallContext) {
        let errors = response.isCut ? [] : DistributionError.parse(response.bytes)
        let authorization = response.authorization
        self.init(
            kind: Self.kind(status: response.status, errors: errors, response.bytes),
            action: context.action,
            location: context.location,
            status: response.status,
            code: errors.first?.code,
            detail: "",
            credential: authorization.credential?.source,
            user: authorization.credential?.user,
            cause: errors.first
        )
        subject = context.subject
        blames(response)
        // An address that was signed may have expired on the way to it: the next try gets another.
        let isExpiry = context.action == .readBlob && !response.isHome && hasStatus(400, 403, 410)
        // What is no answer though it says that all is well is somebody else's, for a moment perhaps.
        isRetriedOnce =
            isExpiry || hasStatus(in: 200..<300) && !isRetryable
            || status == 400 && [.unknown, .blobUploadInvalid].contains(code)
        isTokenRefused = authorization.token != nil
        account = authorization.account
        isUnasked = authorization.credential != nil && authorization.header == nil && context.action != .getToken
        describe(response, errors, context)
        // So answers who stands before a token service that is being started again.
        if context.action == .getToken, response.status == 404, response.isWebPage { isRetriedOnce = true }
        // Token services lie elsewhere, and have troubles of their own.
        if context.action == .getToken, response.url.origin.host != context.location.host.name {
            other = response.url.origin.authority
        }
    }

    /// Says in words what the answer means, and whose it is.
    private mutating func describe(_ response: HTTPResponse, _ errors: [DistributionError], _ context: CallContext) {
        if let realm = response.authorization.withheldFrom, response.status == 401 {
            detail =
                "its token service \(realm) is another organisation's, so the credentials were not sent there; "
                + "if it is this registry's, name \(realm.authority) in 'auth_realms' for \(location.host)"
        } else if [401, 403].contains(response.status), !response.isHome {
            kind = .rejected
            code = nil
            other = nil
            detail = "it leads to \(response.url.origin), which refuses the request"
            credential = nil
        } else if kind == .unauthorized {
            detail = context.action == .getToken ? "" : response.unmetChallenge ?? ""
        } else {
            detail =
                response.status == 413 && errors.isEmpty
                ? "the request is too large"
                : response.isWebPage ? Self.webPage : Self.detail(response, errors, context)
        }
    }

    /// Names who has answered, where that is somebody to whom the registry has led.
    mutating func blames(_ response: HTTPResponse) {
        if !response.isHome { blames(response.url.origin) }
    }

    mutating func blames(_ origin: Origin) {
        isLed = true
        if origin.authority != location.host.description { other = origin.authority }
    }

    private static func kind(status: Int, errors: [DistributionError], _ body: ByteBuffer) -> Kind {
        let codes = errors.compactMap(\.code)
        if codes.contains(.tooManyRequests) { return .unavailable }
        if codes.contains(.manifestBlobUnknown) || codes.contains(.blobUnknown) && status == 400 {
            return .blobUnknown(errors.compactMap(\.digest))
        }
        switch status {
        case 401: return .unauthorized
        case 403: return .forbidden
        case 404: return codes.contains(.blobUploadUnknown) ? .uploadLost : .notFound
        case 408, 425, 429, 499: return .unavailable
        case 405, 415, 501, 505: return .unsupported
        case 413: return .tooLarge
        // GHCR says so of a request's body.
        case 416 where String(buffer: body).lowercased().contains("too large"): return .tooLarge
        case 400 where codes.contains(.unsupported): return .unsupported
        case 500...: return .unavailable
        // A 2xx that was not asked for says nothing either.
        case ..<400: return .protocolViolation
        default: return .rejected
        }
    }

    private static func detail(
        _ response: HTTPResponse,
        _ errors: [DistributionError],
        _ context: CallContext
    ) -> String {
        let who =
            switch context.action {
            case _ where !response.isHome: "it"
            case .getToken: "the token service"
            case .readDocument: "the service"
            default: "the registry"
            }
        guard let first = errors.first else { return RegistryError.statusAlone(response.status, of: who) }
        let message = first.message.isEmpty ? first.rawCode : first.message
        let text = first.detail.isEmpty || message.contains(first.detail) ? message : "\(message): \(first.detail)"
        let authorization = response.authorization
        let secrets = authorization.secrets + (authorization.credential?.secrets ?? [])
        return "\(who) says '\(text.hiding(secrets).displaySafe)'"
    }
}

// MARK: What a refusal means for the question that was asked

extension RegistryError: TargetRefusal {
    package var isMissingContent: Bool {
        if case .blobUnknown = kind { true } else { false }
    }

    package var missingContent: Set<Digest> {
        if case .blobUnknown(let digests) = kind { Set(digests) } else { [] }
    }

    package var mayLackSubject: Bool { kind == .notFound || isMissingContent || hasStatus(400, 422) }

    package var isIgnoranceOfContent: Bool {
        guard action == .storeManifest else { return false }
        // Who has taken or shown something there a moment ago knows its name, and lags behind itself.
        let isUnknownName = code == .nameUnknown && !isRepositoryThere
        return isMissingContent || kind == .notFound && !isUnknownName || code == .manifestUnknown
            || code == .manifestInvalid && status == 400 && !namesReason
    }

    package var isRefusalOfManifest: Bool {
        action == .storeManifest && hasStatus(in: 400..<600) && status != 401 && !wantsFewer && !namesReason
    }

    /// The registry may take a manifest under its tag that it does not take under a digest that is no sha256.
    var mayBeRefusalOfDigest: Bool { [.notFound, .rejected, .unsupported].contains(kind) }

    package var isDenial: Bool { [.unauthorized, .forbidden, .unsupported, .rejected].contains(kind) }

    package func about(_ part: String) -> RegistryError {
        var error = self
        error.subject = part
        return error
    }

    package func adding(_ detail: String) -> RegistryError {
        var error = self
        error.detail += detail
        return error
    }
}

extension RegistryError {
    /// Whether a registry that may well take a push refuses to answer a question, or answers with no sense in it.
    package var isRefusalToTell: Bool {
        switch kind {
        case .protocolViolation, .tooLarge, .unsupported, .digestMismatch: true
        case .timeout where action == .listTags: true
        default: leadsToNobody || status != nil && kind != .notFound && !wantsFewer
        }
    }

    /// The registry as a whole is not well, rather than what it was asked for.
    package var isOutage: Bool {
        switch kind {
        case .unavailable, .timeout, .rateLimited, .connection: true
        default: false
        }
    }

    /// Somebody answers in the registry's place who tells people something: to log in, or that the network is another's.
    package var isWebPage: Bool { kind == .protocolViolation && detail.hasSuffix(Self.webPage) }

    /// The registry gives no answer of its own.
    ///
    /// A wrong certificate is one, as it may be somebody else's; an alert is none, as so ends what a firewall does not let through.
    package var isUnreachable: Bool { isOutage && kind != .connection(.certificate) }

    /// Nobody there can be asked anything: there is no connection, or none that lasts for an answer.
    package var isOutOfReach: Bool {
        switch kind {
        case _ where isLed: false
        case .connection(.reset): isBeforeAnswer
        case .connection: isUnreachable
        default: isConnecting
        }
    }

    /// A GET may be answered where this HEAD was not; storage services sign their addresses for one method.
    var isRefusalOfHEAD: Bool { kind == .unauthorized || isLasting }

    /// So does who stands between and cannot cope with an answer that has no body.
    var isFailureOfHEAD: Bool { hasStatus(in: 499..<600) && !wantsFewer }

    /// The host has had too many requests.
    var wantsFewer: Bool { pause != nil || status == 429 || code == .tooManyRequests }

    /// The whole may be had where a range was refused; who is overloaded, or wants a time to pass, says so of the whole too.
    var isRefusalOfRange: Bool {
        guard pause == nil, code != .tooManyRequests else { return false }
        return kind == .protocolViolation || isLasting && status != 401
    }

    /// Somebody was there, who answers nothing of use to a range; the whole may fail as well.
    var mayBeTheRange: Bool {
        switch kind {
        case .connection(.reset), .timeout: true
        default: pause == nil && status != nil
        }
    }

    /// The registry takes no parts, though it may take a whole.
    var isRefusalOfParts: Bool { hasStatus(400, 404, 405, 411, 415, 501) }

    /// The registry takes no bytes with the request that ends an upload, though it may take them before, as a part: some
    /// do not count them, and miss the blob then, or say that its digest is another.
    var isRefusalOfWhole: Bool {
        hasStatus(404, 405, 411, 415, 501) && code != .blobUploadUnknown || isDoubtOfBytes
    }

    /// One repository does not give its blobs to the other, whichever they are.
    var isRefusalOfMounts: Bool {
        hasStatus(401, 403, 404, 405) && code != .blobUnknown && !isUnsent && !isRetriedOnce
    }

    /// The same may be meant by whatever it says for good: some take the bytes that they have missed for wrong ones, or fail.
    var mayBeRefusalOfWhole: Bool {
        hasStatus(in: 400..<600) && isLasting && !hasStatus(401, 403, 413) && code != .blobUploadUnknown && !wantsFewer
    }

    /// What is to be stored may be there already.
    var mayMeanPresence: Bool { hasStatus(409, 412, 422) }

    /// The push may have been done for all that: a gateway lost patience, or hung up, or we did not wait for the answer.
    var mayHideSuccess: Bool {
        switch kind {
        case .connection(.reset): true
        case .timeout: !isConnecting
        default: hasStatus(in: 500..<600) && !hasStatus(501, 503, 505) && !wantsFewer
        }
    }

    /// The words of some who refuse the number of requests by a status that means something else.
    var namesLimit: Bool {
        let text = detail.lowercased()
        return text.contains("rate limit") || text.contains("too many requests")
    }

    /// The registry says that the bytes are not those of the digest.
    var isDoubtOfBytes: Bool { code == .digestInvalid && hasStatus(400) }

    /// The token service does not take what was presented; in another role it may.
    var isRefusalOfToken: Bool { hasStatus(in: 400..<500) && !hasStatus(408, 425, 429) }

    /// The registry, or who stands before it, knows no such question as what refers to something.
    var isLackOfReferrers: Bool { leadsToNobody || hasStatus(in: 300..<500) && isLasting }

    /// What is answered is neither a list nor a refusal: somebody else's page, perhaps for a time.
    package var isNoList: Bool { action == .listReferrers && kind == .protocolViolation && status == 200 }

    /// A question that is not known may be led to where nobody is; a token service that is gone says nothing of it.
    private var leadsToNobody: Bool {
        guard other != nil, action != .getToken, case .connection(let connection) = kind else { return false }
        return [.refused, .unreachable, .unknownHost, .barred].contains(connection)
    }

    /// What is answered now will be answered a moment later as well.
    private var isLasting: Bool { status.map(Self.isLasting) ?? false }

    private func hasStatus(_ statuses: Int...) -> Bool { status.map(statuses.contains) ?? false }

    private func hasStatus(in range: Range<Int>) -> Bool { status.map(range.contains) ?? false }

    /// Whether a status is about the request and not about the moment: nothing is gained by the same request again.
    static func isLasting(_ status: Int) -> Bool {
        [500, 501, 505].contains(status) || 200..<500 ~= status && ![408, 425, 429, 499].contains(status)
    }
}

extension DistributionError {
    /// The digest that the message names.
    fileprivate var digest: Digest? {
        for word in "\(message) \(detail)".split(whereSeparator: { " \"'=,;()[]{}<>".contains($0) }) {
            if let digest = try? Digest(word) { return digest }
        }
        return nil
    }
}
