import Sync
import Testing

@Suite(.timeLimit(.minutes(1)))
struct VolumeNameTests {
    @Test(
        "A name is that of a volume when a volume would be called so",
        arguments: [
            ("b.1-of-2.tar", "b.tar", 1, 2), ("usb/b.x.03-of-12.tar", "usb/b.x.tar", 3, 12), ("b.2-of-2", "b", 2, 2),
            ("b.1-of-2.tar.gz", "b.tar.gz", 1, 2), ("b.1-of-2.TGZ", "b.TGZ", 1, 2),
        ]
    )
    func read(path: String, whole: String, number: Int, count: Int) throws {
        let name = try #require(VolumeName(path))
        #expect(name.whole == whole && name.number == number && name.count == count)
    }

    @Test(
        "Any other name is none",
        arguments: [
            "b.tar", "b.1-of-1.tar", "b.0-of-2.tar", "b.3-of-2.tar", "b.1-of-12.tar", "b.01-of-2.tar",
            "b.1-of.tar", ".1-of-2.tar", "1-of-2.tar", "b.-1-of-2.tar", "b.+1-of-2.tar", "",
        ]
    )
    func refused(path: String) { #expect(VolumeName(path) == nil) }

    @Test("Sets of one name are rivals, whatever else lies beside them")
    func rivals() {
        let names = [
            "d/b.2-of-2.tar", "d/b.1-of-3.tar", "d/b.1-of-2.tar", "d/c.1-of-2.tar", "d/a.tar", "d/a.1-of-2.tar",
        ]
        #expect(
            VolumeName.rivals(among: names) == ["d/a.1-of-2.tar", "d/a.tar", "d/b.1-of-2.tar", "d/b.1-of-3.tar"]
        )
        #expect(VolumeName.rivals(among: ["b.1-of-2.tar", "b.2-of-2.tar", "a.tar", "c.tar"]).isEmpty)
        let compressed = [
            "b.1-of-2.tar.gz", "b.1-of-5.tar.gz", "c.1-of-2.TAR", "c.1-of-3.tar.zst",
        ]
        #expect(VolumeName.rivals(among: compressed) == compressed)
        let unpacked = ["d", "d.1-of-2.tar", "e.1-of-2.tar", "e.1-of-4"]
        #expect(VolumeName.rivals(among: unpacked + ["e.2-of-4", "f", "g.1-of-2", "g.2-of-2"]) == unpacked)
    }
}
