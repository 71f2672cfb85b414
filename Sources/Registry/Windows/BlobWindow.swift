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
        /// Nothing has come, for as long as anybody waits or before it ended.
        case silent
        /// By the host: it does not do this, or wants fewer requests.
        case refused
    }

    struct Progress {
        /// Everything in front of it is in the file.
        var position: Int64
        var end: End?
        /// Nobody reads it any more.
        var isAbandoned = false
    }

    let range: Range<Int64>
    private let file: any ScratchFile
    private let bell: Bell
    private let state: Mutex<Progress>

    /// `bell` rings whenever there is more of it, and at its end.
    init(_ range: Range<Int64>, _ file: any ScratchFile, _ bell: Bell) {
        self.range = range
        self.file = file
        self.bell = bell
        state = Mutex(Progress(position: range.lowerBound))
    }

    var progress: Progress { state.withLock { $0 } }

    /// Whether it is under way and nothing has come.
    var isSilent: Bool { state.withLock { $0.end == nil && $0.position == range.lowerBound } }

    /// Whether it has ended before anything came.
    var isEmpty: Bool { state.withLock { $0.end != nil && $0.position == range.lowerBound } }

    /// Appends what has come; the last bytes are its end.
    func append(_ bytes: ByteBuffer) throws {
        let position = progress.position
        try file.write(bytes, at: position - range.lowerBound)
        state.withLock { state in
            state.position = position + Int64(bytes.readableBytes)
            if state.position == range.upperBound { state.end = .whole }
        }
        bell.ring()
    }

    /// Ends it before its last byte has come.
    func end(_ end: End) {
        state.withLock { $0.end = $0.end ?? end }
        bell.ring()
    }

    func abandon() { state.withLock { $0.isAbandoned = true } }

    /// Bytes that have come, at a position of the blob; `nil` where they cannot be read any more.
    func bytes(at position: Int64, atMost count: Int) -> ByteBuffer? {
        let bytes = try? file.bytes(at: position - range.lowerBound, atMost: count)
        return bytes.flatMap { $0.readableBytes > 0 ? $0 : nil }
    }
}
