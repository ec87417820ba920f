/// The library's version, as in CHANGELOG.md.
package let libraryVersion = "0.2"
