import Concurrency
import NIOCore
import OCI
import Synchronization

/// A part of a blob on its way into a file of its own, ahead of what has been delivered.
///
/// One task writes it, and one that delivers follows it.
final class BlobWindow: Sendable {
    enum End {
        case whole
        /// What has come until then is good.
        case broken
        /// Nothing has come for as long as anybody waits, before it ended, or before the front's own connection had brought it too.
        case silent
        /// By the host: it does not do this, or wants fewer requests.
        case refused
    }

    /// Its file takes no bytes, which says nothing of who brings them.
    struct Unwritable: Error {}

    struct Progress {
        /// Everything in front of it is in the file.
        var position: Int64
        var end: End?
        /// When bytes came last, or it was opened.
        var moved: Duration
        /// Nobody reads it any more.
        fileprivate var isAbandoned = false
    }

    let range: Range<Int64>
    private let file: any ScratchFile
    private let bell: Bell
    private let timer: Timer
    /// Rings at its first bytes, and when nobody reads it any more.
    private let interest = Bell()
    private let state: Mutex<Progress>

    /// `bell` rings whenever there is more of it, and at its end.
    init(_ range: Range<Int64>, _ file: any ScratchFile, _ bell: Bell, _ timer: Timer) {
        self.range = range
        self.file = file
        self.bell = bell
        self.timer = timer
        state = Mutex(Progress(position: range.lowerBound, moved: timer.now()))
    }

    var progress: Progress { state.withLock { $0 } }

    /// Whether it has ended before anything came.
    var isEmpty: Bool { state.withLock { $0.end != nil && $0.position == range.lowerBound } }

    /// Appends what has come; the last bytes are its end.
    func append(_ bytes: ByteBuffer) throws(Unwritable) {
        let (position, now) = (progress.position, timer.now())
        do {
            try file.write(bytes, at: position - range.lowerBound)
        } catch {
            throw Unwritable()
        }
        state.withLock { state in
            (state.position, state.moved) = (position + Int64(bytes.readableBytes), now)
            if state.position == range.upperBound { state.end = .whole }
        }
        bell.ring()
        if position == range.lowerBound { interest.ring() }
    }

    /// Ends it before its last byte has come.
    func end(_ end: End) {
        state.withLock { $0.end = $0.end ?? end }
        bell.ring()
    }

    /// Ends it where nothing more comes.
    func breakOff() { end(progress.position == range.lowerBound ? .silent : .broken) }

    /// Ends what brings it: nobody reads it any more.
    func abandon() {
        state.withLock { $0.isAbandoned = true }
        interest.ring()
    }

    /// Runs what brings it, for as long as somebody reads it and the first bytes come in time.
    ///
    /// Who does not bring anything has a place that others may wait for, so that ends by itself, and not when somebody looks.
    func whileWanted(_ body: @escaping @Sendable () async throws -> Void) async throws {
        try await Timer.limit({ [self] in try await waitUntilUnwanted() }, body)
    }

    private func waitUntilUnwanted() async throws {
        do {
            try await timer.limit(WindowPlan.patience) { [interest] in try await interest.wait() }
        } catch is Timer.Expired {
            return
        }
        while !progress.isAbandoned { try await interest.wait() }
    }

    /// Bytes that have come, at a position of the blob; `nil` where they cannot be read any more.
    func bytes(at position: Int64, atMost count: Int) -> ByteBuffer? {
        let bytes = try? file.bytes(at: position - range.lowerBound, atMost: count)
        return bytes.flatMap { $0.readableBytes > 0 ? $0 : nil }
    }
}
