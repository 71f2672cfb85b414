import Cache
import NIOCore

/// The files that the system was told to send to connections of one event loop, looked at all together.
///
/// Where a file became too short sendfile(2) sends nothing, for ever, and the event loop would try without end. A timer for each
/// client would wake the loop a thousand times a second for five hundred that read slowly.
final class SendingFiles {
    /// How soon is noticed that a file became shorter than what the system was told to send of it.
    private static let interval = TimeAmount.milliseconds(500)

    private var entries: [ObjectIdentifier: (file: BlobFile, shrank: () -> Void)] = [:]
    private var isLooking = false

    /// Has a file looked at until ``remove(_:)``; `shrank` is called once, and the file is left alone then.
    func insert(_ sender: BlobSender, _ file: BlobFile, on loop: any EventLoop, shrank: @escaping () -> Void) {
        entries[ObjectIdentifier(sender)] = (file, shrank)
        look(on: loop)
    }

    func remove(_ sender: BlobSender) {
        entries[ObjectIdentifier(sender)] = nil
    }

    private func look(on loop: any EventLoop) {
        guard !isLooking, !entries.isEmpty else { return }
        isLooking = true
        loop.assumeIsolated().scheduleTask(in: Self.interval) {
            self.isLooking = false
            for (sender, entry) in self.entries where !entry.file.isWhole {
                self.entries[sender] = nil
                entry.shrank()
            }
            self.look(on: loop)
        }
    }
}
