// The camera as the second way to scan: zxing-wasm from this server, loaded when it is first needed.
"use strict";
(() => {
  const button = document.querySelector("[data-camera]");
  if (!button || !navigator.mediaDevices?.getUserMedia) return;
  button.hidden = false;
  const EVERY_MS = 120;
  let reader = null;

  function load() {
    reader = reader || new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.src = button.dataset.reader;
      script.onload = () => {
        window.ZXingWASM.prepareZXingModule({ overrides: { locateFile: () => button.dataset.wasm } });
        resolve(window.ZXingWASM);
      };
      script.onerror = () => { reader = null; reject(new Error("no reader")); };
      document.head.append(script);
    });
    return reader;
  }

  function open() {
    const dialog = document.createElement("dialog");
    dialog.className = "camera";
    const title = document.createElement("p");
    title.textContent = button.dataset.title;
    const video = document.createElement("video");
    video.muted = true;
    video.playsInline = true;
    const close = document.createElement("button");
    close.className = "button plain";
    close.type = "button";
    close.textContent = button.dataset.close;
    close.addEventListener("click", () => dialog.close());
    dialog.append(title, video, close);
    document.body.append(dialog);
    dialog.showModal();
    return { dialog, title, video };
  }

  async function scan() {
    const { dialog, title, video } = open();
    let stream = null;
    let live = true;
    dialog.addEventListener("close", () => {
      live = false;
      stream?.getTracks().forEach((track) => track.stop());
      dialog.remove();
      document.getElementById("scan")?.focus();
    });
    try {
      const zxing = await load();
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 }, height: { ideal: 720 } } });
      if (!live) { stream.getTracks().forEach((track) => track.stop()); return; }
      video.srcObject = stream;
      await video.play();
      const canvas = document.createElement("canvas");
      const context = canvas.getContext("2d", { willReadFrequently: true });
      while (live) {
        if (video.videoWidth) {
          canvas.width = video.videoWidth;
          canvas.height = video.videoHeight;
          context.drawImage(video, 0, 0);
          const found = await zxing.readBarcodes(context.getImageData(0, 0, canvas.width, canvas.height), { maxNumberOfSymbols: 1 });
          const code = live && found.find((result) => result.isValid && result.text)?.text;
          if (code) {
            dialog.close();
            window.floorScan(code);
            return;
          }
        }
        await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
      }
    } catch (error) {
      title.textContent = button.dataset.refused;
    }
  }
  button.addEventListener("click", scan);
})();
