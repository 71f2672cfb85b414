import Cache
import NIOCore

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
