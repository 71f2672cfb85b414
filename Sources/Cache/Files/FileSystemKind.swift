/// File systems on which the cache does not work.
enum FileSystemKind {
    /// The name of a network file system; `nil` for every other, also unknown ones.
    static func networkName(magic: Int64) -> String? {
        switch magic & 0xFFFF_FFFF {
        case 0x6969: "NFS"
        case 0x517B: "SMB"
        case 0xFF53_4D42: "CIFS"
        case 0xFE53_4D42: "SMB2"
        case 0x0102_1997: "9p"
        case 0x5346_414F: "AFS"
        case 0x00C3_6400: "Ceph"
        case 0x7861_4256, 0x786F_4256: "vboxsf"
        default: nil
        }
    }
}
