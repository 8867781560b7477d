// "--tune" is an option's name; the search would take its hyphens for "without".
const post = Worker.prototype.postMessage;
Worker.prototype.postMessage = function (message, ...rest) {
  const asked = typeof message?.data === "string" ? { ...message, data: message.data.replace(/(^|\s)-+/g, "$1") } : message;
  return post.call(this, asked, ...rest);
};
