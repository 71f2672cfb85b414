/// What a scripted action comes to for one exchange.
struct ExchangePlan: Sendable {
    enum Ending: Sendable {
        case whole
        case reset(after: Int)
        case close(after: Int)
    }

    var replacement: Reply?
    var early: Reply?
    var edits: [@Sendable (inout Reply) -> Void] = []
    var ignoresRange = false
    var gate: Gate?
    var valve: Valve?
    var hangsUp: Ending?
    var ending = Ending.whole
    var corruptByte: Int?
    var extraBytes = 0
    var announcedLength: Int?
    var resetUploadAfter: Int?
    var closes = false
    var location: LocationForm?

    init(_ action: Action?, for request: RecordedRequest) {
        if let action { apply(action, request) }
    }

    private mutating func apply(_ action: Action, _ request: RecordedRequest) {
        switch action {
        case .all(let actions):
            for action in actions { apply(action, request) }
        case .flip(let decide):
            if let action = decide(request) { apply(action, request) }
        case .reply(let reply): replacement = reply
        case .replyEarly(let reply): early = reply
        case .replyEarlyAndClose(let reply):
            early = reply
            closes = true
        case .edit(let edit): edits.append(edit)
        case .header(let name, let value): edits.append { $0.headers[name] = value }
        case .ignoreRange: ignoresRange = true
        case .uploadLocation(let form): location = form
        default: applyDelivery(action)
        }
    }

    private mutating func applyDelivery(_ action: Action) {
        switch action {
        case .holdHead(let gate): self.gate = gate
        case .resetBeforeHead: hangsUp = .reset(after: 0)
        case .closeBeforeHead: hangsUp = .close(after: 0)
        case .reset(let count): ending = .reset(after: count)
        case .close(let count): ending = .close(after: count)
        case .corruptByte(let offset): corruptByte = offset
        case .trickle(let valve): self.valve = valve
        case .contentLength(let length): announcedLength = length
        case .extraBytes(let count): extraBytes = count
        case .resetUpload(let count): resetUploadAfter = count
        default: break
        }
    }
}
