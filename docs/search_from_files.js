// Browsers start no worker from file:// pages, and the search of the site is a worker: a hidden frame takes its place there.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = document.createElement("iframe")
      frame.hidden = true
      frame.srcdoc = "<body></body>"
      this.ready = new Promise(ready => {
        frame.onload = () => {
          this.inner = frame.contentWindow
          this.inner.postMessage = data => this.dispatchEvent(new MessageEvent("message", {data}))
          const script = frame.contentDocument.createElement("script")
          script.onload = ready
          script.src = new URL(url, location)
          frame.contentDocument.body.append(script)
        }
      })
      document.body.append(frame)
    }

    postMessage(data) {
      this.ready.then(() => this.inner.dispatchEvent(new this.inner.MessageEvent("message", {data})))
    }
  }
}
