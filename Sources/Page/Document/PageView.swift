/// What the template shows; its properties have the names that stand in braces there.
///
/// A name that is absent in a part is looked up in the parts around it: what can be absent has a name of its own.
struct PageView {
    var title: String
    let style = PageStyle.text
    var query = ""
    var heading: String
    var isEmpty = false
    /// What the sharing of blobs saves.
    var sentence: String?
    var overview: Overview?
    var listing: Listing?
    var repository: Repository?
    /// Why there is nothing to show.
    var missing: String?
    var pages: Pages?
    var counted: Moment

    struct Moment {
        let machine: String
        let exact: String
        let age: String

        init(_ time: PageTime) {
            machine = time.machine
            exact = time.exact
            age = time.age
        }
    }

    struct Figure {
        let label: String
        let value: String
    }

    struct Overview {
        let holdings: [Figure]
        let activity: [Figure]
        let started: Moment
        let downloads: [Download]
        let furtherDownloads: String?
        let hasDownloads: Bool
    }

    struct Download {
        let cutDigest: String
        let wholeDigest: String
        let place: String
        let size: Int64
        let arrived: Int64
        let share: String
    }

    /// Repositories, each with some of its images.
    struct Listing {
        let note: String
        let groups: [Group]
        let hasGroups: Bool
    }

    struct Group {
        let rows: [Row]
        let more: More?
    }

    struct More {
        let moreText: String
        let moreLink: String
    }

    /// Where a group's name stands: in its first row, beside all of them.
    struct GroupName {
        let name: String
        let link: String
        let span: Int
    }

    /// One repository with all of its images.
    struct Repository {
        let note: String
        let example: String
        let rows: [Row]
    }

    struct Tag {
        let tag: String
        let pull: String
    }

    struct Row {
        var group: GroupName?
        let tags: [Tag]
        let furtherTags: String?
        let untagged: Bool
        let digestPull: String
        let cutDigest: String
        let wholeDigest: String
        let platforms: [String]
        let own: String
        let shared: String
        let use: Moment
        let built: String?
        let end: End?
    }

    struct End {
        let standing: String
        let words: String
    }

    struct Pages {
        let pageNumber: Int
        let pageCount: Int
        let previousPage: String?
        let nextPage: String?
    }
}
