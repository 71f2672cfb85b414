import Testing

@testable import imglife

@Suite(.timeLimit(.minutes(10)))
struct OpenFilesTests {
    @Test(
        "Each connection has two files, and the server what it needs beside them, also where there are few",
        arguments: [(64, 12), (128, 24), (256, 48), (1024, 416), (1_048_576, 524_192), (8, 4)]
    )
    func connections(files: Int, expected: Int) {
        #expect(OpenFiles.connections(files: files) == expected)
    }
}
