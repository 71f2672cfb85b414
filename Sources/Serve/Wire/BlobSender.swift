import Cache
import NIOCore
import NIOPosix

/// Sends one blob, a part of it, or another large body to one connection; bound to that connection's event loop.
///
/// Owns all that this takes until the system has taken the last byte: the file with its one descriptor, or the supply of
/// pieces from a task that reads, hashes and holds back. Whoever waits for a write keeps it alive.
final class BlobSender {
    /// Where the bytes come from.
    enum Source {
        /// A file that is known to be right.
        case file(LentFile)
        /// A task that is asked for one piece after the other; of a file that is hashed on the way, for its end alone.
        case supply(AsyncStream<PieceWish>.Continuation, UnverifiedBlob?)
        /// Bytes that others may be sent too.
        case memory(ByteBuffer)
    }

    /// What it tells the connection.
    enum Event {
        case sent(Int)
        /// All has been handed to the system's side; more can follow.
        case complete
        /// The rest cannot be had.
        case broken
    }

    /// Bytes that one connection sends before others of its event loop get their turn.
    private static let turn = 1 << 20

    private let source: Source
    private let context: ChannelHandlerContext
    private let resources: LoopResources
    private let state: ServerState
    private let end: Int64
    private let tell: (Event) -> Void
    /// The next byte that is written.
    private var position: Int64
    private var ready: ByteBuffer?
    private var isFetching = false
    private var isPumping = false
    private var isOver = false
    /// Parts of the file that the system was told to send and has not sent.
    private var outstanding = 0

    init(
        _ source: Source,
        _ range: Range<Int64>,
        _ context: ChannelHandlerContext,
        _ resources: LoopResources,
        _ state: ServerState,
        tell: @escaping (Event) -> Void
    ) {
        self.source = source
        self.context = context
        self.resources = resources
        self.state = state
        self.tell = tell
        position = range.lowerBound
        end = range.upperBound
        state.metrics.streamBegan()
    }

    deinit { state.metrics.streamEnded() }

    /// Sends until the client has enough for now; called again when there is room.
    func pump() {
        // A write can tell synchronously that there is room again; the loop below sees that itself.
        guard !isPumping, !isOver else { return }
        isPumping = true
        defer { isPumping = false }
        var turn = Self.turn
        while position < end, context.channel.isWritable {
            guard turn > 0 else {
                context.eventLoop.assumeIsolated().execute { self.pump() }
                return
            }
            guard let count = sendNext() else { return }
            turn -= count
            position += Int64(count)
            tell(.sent(count))
        }
        if position == end { stop(.complete) }
    }

    /// Takes the piece that was asked for.
    func take(_ piece: ByteBuffer) {
        guard !isOver else { return }
        isFetching = false
        // A file that ends too early was changed by somebody else.
        guard piece.readableBytes > 0 else { return stop(.broken) }
        ready = piece
        pump()
    }

    /// Stops; nothing is told.
    func abandon() {
        isOver = true
        ready = nil
        if case .supply(let wishes, _) = source { wishes.finish() }
    }

    private func stop(_ event: Event) {
        abandon()
        tell(event)
    }

    /// - Returns: the bytes sent; `nil` when they have to be waited for.
    private func sendNext() -> Int? {
        if let piece = ready {
            ready = nil
            context.writeAndFlush(NIOAny(piece), promise: nil)
            if case .supply = source { fetch(from: position + Int64(piece.readableBytes)) }
            return piece.readableBytes
        }
        guard !isFetching else { return nil }
        switch source {
        case .memory(let bytes): return send(bytes)
        case .file(let lent):
            let count = lent.handle.map { sendRegion(lent.file, $0) } ?? sendCopy(lent.file)
            if count > 0 { return count }
        case .supply: break
        }
        fetch(from: position)
        return nil
    }

    private func send(_ bytes: ByteBuffer) -> Int {
        let piece = bytes.part(position..<min(end, position + Int64(state.pieceSize)))
        context.writeAndFlush(NIOAny(piece), promise: nil)
        return piece.readableBytes
    }

    /// Has the system send a part of the file.
    ///
    /// - Returns: its bytes; 0 when the disk would have to be waited for.
    private func sendRegion(_ file: BlobFile, _ handle: NIOFileHandle) -> Int {
        let end = min(end, position + Int64(Self.turn))
        guard file.isResident(position..<end) else { return 0 }
        let region = FileRegion(fileHandle: handle, readerIndex: Int(position), endIndex: Int(end))
        let sent = context.eventLoop.makePromise(of: Void.self)
        outstanding += 1
        sent.futureResult.assumeIsolated().whenComplete { _ in self.regionLeft() }
        context.writeAndFlush(NIOAny(region), promise: sent)
        if outstanding > 0 {
            resources.sending.insert(self, file, on: context.eventLoop) { self.stop(.broken) }
        }
        return region.readableBytes
    }

    private func regionLeft() {
        outstanding -= 1
        if outstanding == 0 { resources.sending.remove(self) }
    }

    /// - Returns: the bytes read and sent; 0 when the disk would have to be waited for.
    private func sendCopy(_ file: BlobFile) -> Int {
        let wish = Int(min(Int64(state.pieceSize), end - position))
        var buffer = resources.takeBuffer(wish)
        defer { resources.giveBack(buffer) }
        let count = file.readResident(at: position, atMost: wish, into: &buffer)
        if count > 0 { context.writeAndFlush(NIOAny(buffer), promise: nil) }
        return count
    }

    /// Has a piece read where that may wait.
    private func fetch(from offset: Int64) {
        guard offset < end else { return }
        isFetching = true
        let count = Int(min(Int64(state.pieceSize), end - offset))
        switch source {
        case .supply(let wishes, let blob):
            guard let blob, blob.isFree(offset) else {
                wishes.yield(PieceWish(offset: offset, count: count))
                return
            }
            take(from: state.threads.hashing) { try blob.readFree(at: offset, atMost: count) }
        case .file(let lent):
            let file = lent.file
            take(from: state.threads.reading) { try file.read(at: offset, atMost: count) }
        case .memory: break
        }
    }

    /// Without a task in between: those have to wait for each other.
    private func take(from pool: NIOThreadPool, _ read: @escaping @Sendable () throws -> ByteBuffer) {
        pool.runIfActive(eventLoop: context.eventLoop, read).assumeIsolated().whenComplete { result in
            guard !self.isOver else { return }
            guard case .success(let piece) = result else { return self.stop(.broken) }
            self.take(piece)
        }
    }
}

/// A part of a blob that a connection waits for.
struct PieceWish: Sendable {
    let offset: Int64
    let count: Int
}

/// A file whose one descriptor is lent to sendfile(2), and taken back when nobody sends from it any more.
final class LentFile {
    let file: BlobFile
    /// `nil` where the bytes have to pass through this process.
    let handle: NIOFileHandle?

    init(_ file: BlobFile, isPlain: Bool) {
        self.file = file
        handle = isPlain ? file.lendHandle() : nil
    }

    // The file itself closes it.
    deinit { _ = try? handle?.takeDescriptorOwnership() }
}
