import FoundationEssentials
import GRDB
import OCI

extension Digest {
    /// The digest as a key of a table: one byte for the algorithm, then the hash.
    var key: Data {
        let algorithm: UInt8 =
            switch algorithm {
            case .sha256: 1
            case .sha512: 2
            }
        return Data([algorithm] + bytes)
    }

    /// - Returns: `nil` for what ``key`` never gives.
    init?(key: Data) {
        let algorithm: Digest.Algorithm
        switch key.first {
        case 1: algorithm = .sha256
        case 2: algorithm = .sha512
        default: return nil
        }
        self.init(algorithm: algorithm, bytes: Array(key.dropFirst()))
    }
}
